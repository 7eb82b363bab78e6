/** Small pictures from large ones and back: data in, data out. */
import { resample } from "../tools/kernels";

/** The averages of each target pixel's box; 4 bytes a pixel. */
export function shrinkColours(
  rgba: Uint8ClampedArray,
  width: number,
  height: number,
  w: number,
  h: number,
): Uint8ClampedArray {
  if (w === width && h === height) return rgba;
  const out = new Uint8ClampedArray(4 * w * h).fill(255);
  for (let channel = 0; channel < 3; channel++) {
    const data = new Uint8ClampedArray(width * height);
    for (let i = 0; i < data.length; i++) data[i] = rgba[4 * i + channel];
    const small = resample({ width, height, data }, w, h).data;
    for (let i = 0; i < small.length; i++) out[4 * i + channel] = small[i];
  }
  return out;
}

/** Bilinear. */
export function enlarge(values: Float32Array, width: number, height: number, w: number, h: number): Float32Array {
  if (w === width && h === height) return values;
  const out = new Float32Array(w * h);
  for (let y = 0; y < h; y++) {
    const sy = Math.max(0, Math.min(height - 1, ((y + 0.5) * height) / h - 0.5));
    const top = Math.floor(sy);
    const bottom = Math.min(height - 1, top + 1);
    const fy = sy - top;
    for (let x = 0; x < w; x++) {
      const sx = Math.max(0, Math.min(width - 1, ((x + 0.5) * width) / w - 0.5));
      const left = Math.floor(sx);
      const right = Math.min(width - 1, left + 1);
      const fx = sx - left;
      const upper = values[top * width + left] * (1 - fx) + values[top * width + right] * fx;
      const lower = values[bottom * width + left] * (1 - fx) + values[bottom * width + right] * fx;
      out[y * w + x] = upper * (1 - fy) + lower * fy;
    }
  }
  return out;
}

/** The largest value up to `reach` pixels away in each direction. */
export function widened(values: Float32Array, width: number, height: number, reach: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let most = 0;
      for (let v = Math.max(0, y - reach); v <= Math.min(height - 1, y + reach); v++) {
        for (let u = Math.max(0, x - reach); u <= Math.min(width - 1, x + reach); u++) {
          most = Math.max(most, values[v * width + u]);
        }
      }
      out[y * width + x] = most;
    }
  }
  return out;
}
