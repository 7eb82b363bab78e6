/** Pure functions that turn a mask into the RGBA pixels of a part of the screen. */
import type { Plane, Rect } from "../tools/kernels";
import type { Viewport } from "./viewport";

export type Rgb = [number, number, number];

/** What the cut-away part can be tinted with, by name. */
export const TINTS = {
  pink: [233, 30, 99],
  green: [0, 150, 90],
  blue: [30, 100, 240],
  black: [0, 0, 0],
} satisfies Record<string, Rgb>;
export type Tint = keyof typeof TINTS;

const REMOVED: Rgb = [233, 30, 99];
const ADDED: Rgb = [0, 168, 107];

function pack([red, green, blue]: Rgb, alpha: number): number {
  return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** For each pixel from `start` up to `end` (device pixels): the photo's row or column below it, or -1 outside. */
function lookup(start: number, end: number, offset: number, scale: number, size: number): Int32Array {
  const found = new Int32Array(Math.max(0, end - start));
  for (let i = 0; i < found.length; i++) {
    const at = Math.floor((start + i + 0.5 - offset) / scale);
    found[i] = at >= 0 && at < size ? at : -1;
  }
  return found;
}

/** What is cut away gets a tint, and the mask's edge a light line. `view` and `rect` are in device pixels. */
export function overlayPixels(
  plane: Plane,
  view: Viewport,
  rect: Rect,
  out: Uint32Array,
  colour: Rgb = TINTS.pink,
): void {
  // One extra column and row before the rectangle, to see where the edge runs.
  const columns = lookup(rect.left - 1, rect.right, view.x, view.scale, plane.width);
  const rows = lookup(rect.top - 1, rect.bottom, view.y, view.scale, plane.height);
  const width = columns.length - 1;
  const tint = Uint32Array.from({ length: 256 }, (_, alpha) => pack(colour, Math.round((255 - alpha) * 0.52)));
  const edge = pack([255, 255, 255], 235);
  const { data } = plane;
  for (let y = 1; y < rows.length; y++) {
    if (rows[y] < 0) continue; // `out` comes transparent
    const row = rows[y] * plane.width;
    const above = (rows[y - 1] < 0 ? rows[y] : rows[y - 1]) * plane.width;
    const target = (y - 1) * width - 1;
    let left = columns[0] < 0 ? -1 : data[row + columns[0]] >> 7;
    for (let x = 1; x < columns.length; x++) {
      const column = columns[x];
      if (column < 0) continue;
      const alpha = data[row + column];
      const side = alpha >> 7;
      const rim = (left >= 0 && side !== left) || side !== data[above + column] >> 7;
      out[target + x] = rim ? edge : tint[alpha];
      left = side;
    }
  }
}

/** The mask alone: white is kept, black is cut away. */
export function maskPixels(plane: Plane, view: Viewport, rect: Rect, out: Uint32Array): void {
  const columns = lookup(rect.left, rect.right, view.x, view.scale, plane.width);
  const rows = lookup(rect.top, rect.bottom, view.y, view.scale, plane.height);
  for (let y = 0; y < rows.length; y++) {
    for (let x = 0; x < columns.length; x++) {
      const alpha = plane.data[rows[y] * plane.width + columns[x]];
      const inside = rows[y] >= 0 && columns[x] >= 0;
      out[y * columns.length + x] = inside ? pack([alpha, alpha, alpha], 255) : 0;
    }
  }
}

/** The mask itself as opacity, to cut the photo with. */
export function stickerPixels(plane: Plane, view: Viewport, rect: Rect, out: Uint32Array): void {
  const columns = lookup(rect.left, rect.right, view.x, view.scale, plane.width);
  const rows = lookup(rect.top, rect.bottom, view.y, view.scale, plane.height);
  for (let y = 0; y < rows.length; y++) {
    for (let x = 0; x < columns.length; x++) {
      const inside = rows[y] >= 0 && columns[x] >= 0;
      out[y * columns.length + x] = inside ? pack([0, 0, 0], plane.data[rows[y] * plane.width + columns[x]]) : 0;
    }
  }
}

/**
 * What a correction changed: removed pixels red and striped, added pixels green and solid, the more opaque the larger
 * the change. Stripes, because not everyone tells red from green.
 */
export function differencePixels(before: Plane, after: Plane): Uint32Array {
  const out = new Uint32Array(before.data.length);
  for (let i = 0; i < out.length; i++) {
    const change = after.data[i] - before.data[i];
    if (change > 0) out[i] = pack(ADDED, Math.round(change * 0.8));
    else if (change < 0) {
      const striped = ((i % before.width) + Math.floor(i / before.width)) % 8 < 4;
      out[i] = pack(REMOVED, Math.round(-change * (striped ? 0.85 : 0.45)));
    }
  }
  return out;
}
