/** A small picture of the sticker as it would be now, with its outline. */
import type { Plane } from "./kernels";

const TAPS = 3; // samples a side of each pixel of the preview

/** The mask at the preview's size, from a few samples a pixel: quick enough for every frame. */
export function smallAlpha(plane: Plane, width: number, height: number): Uint8ClampedArray {
  const out = new Uint8ClampedArray(width * height);
  const at = (i: number, of: number, size: number) => Math.min(size - 1, Math.floor(((i + 0.5) * size) / of));
  const columns = Int32Array.from({ length: width * TAPS }, (_, i) => at(i, width * TAPS, plane.width));
  const rows = Int32Array.from({ length: height * TAPS }, (_, i) => at(i, height * TAPS, plane.height));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let j = 0; j < TAPS; j++) {
        const row = rows[y * TAPS + j] * plane.width;
        for (let i = 0; i < TAPS; i++) sum += plane.data[row + columns[x * TAPS + i]];
      }
      out[y * width + x] = sum / TAPS ** 2;
    }
  }
  return out;
}

/**
 * The cut-out over its white outline of `outline` pixels: 4 bytes a pixel.
 * `rgba` is the photo at the preview's size.
 */
export function stickerPreview(
  rgba: Uint8ClampedArray,
  alpha: Uint8ClampedArray,
  width: number,
  outline: number,
): Uint8ClampedArray {
  const out = new Uint8ClampedArray(rgba.length);
  const distance = distanceOutside(alpha, width);
  for (let i = 0; i < alpha.length; i++) {
    const share = alpha[i] / 255;
    const white = outline ? Math.max(0, Math.min(1, outline + 0.5 - distance[i])) : 0;
    const opacity = share + white * (1 - share);
    for (let channel = 0; channel < 3; channel++) {
      const colour = rgba[4 * i + channel] * share + 255 * white * (1 - share);
      out[4 * i + channel] = opacity ? colour / opacity : 0;
    }
    out[4 * i + 3] = 255 * opacity;
  }
  return out;
}

/** Chamfer distance (Borgefors, 1986) of each pixel to the nearest that is kept. */
function distanceOutside(alpha: Uint8ClampedArray, width: number): Float32Array {
  const distance = Float32Array.from(alpha, (value) => (value >= 128 ? 0 : Infinity));
  const height = alpha.length / width;
  const relax = (x: number, y: number, dx: number, dy: number, step: number) => {
    if (x + dx < 0 || x + dx >= width || y + dy < 0 || y + dy >= height) return;
    const i = y * width + x;
    distance[i] = Math.min(distance[i], distance[i + dy * width + dx] + step);
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      relax(x, y, -1, 0, 1);
      relax(x, y, 0, -1, 1);
      relax(x, y, -1, -1, Math.SQRT2);
      relax(x, y, 1, -1, Math.SQRT2);
    }
  }
  for (let y = height - 1; y >= 0; y--) {
    for (let x = width - 1; x >= 0; x--) {
      relax(x, y, 1, 0, 1);
      relax(x, y, 0, 1, 1);
      relax(x, y, 1, 1, Math.SQRT2);
      relax(x, y, -1, 1, Math.SQRT2);
    }
  }
  return distance;
}
