/** A small picture of the sticker as it would be now, with its outline. */
import type { Plane } from "../tools/kernels";

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
    if (!share && distance[i] >= outline + 0.5) continue;
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
  const distance = new Float32Array(alpha.length);
  for (let i = 0; i < alpha.length; i++) distance[i] = alpha[i] >= 128 ? 0 : 1e6;
  chamfer(distance, width, 0, alpha.length, 1);
  chamfer(distance, width, alpha.length - 1, -1, -1);
  return distance;
}

/** One pass over all pixels, forwards or backwards: each learns from the neighbours that came before it. */
function chamfer(distance: Float32Array, width: number, from: number, to: number, step: 1 | -1): void {
  const row = step * width;
  const last = step > 0 ? width - 1 : 0; // a row's first column in this direction, and its last
  const first = width - 1 - last;
  for (let i = from, x = first; i !== to; i += step) {
    let least = distance[i];
    if (least) {
      const above = i - row; // outside of the array it is undefined, and no comparison holds
      if (x !== first) {
        if (distance[i - step] + 1 < least) least = distance[i - step] + 1;
        if (distance[above - step] + Math.SQRT2 < least) least = distance[above - step] + Math.SQRT2;
      }
      if (distance[above] + 1 < least) least = distance[above] + 1;
      if (x !== last && distance[above + step] + Math.SQRT2 < least) least = distance[above + step] + Math.SQRT2;
      distance[i] = least;
    }
    x = x === last ? first : x + step;
  }
}
