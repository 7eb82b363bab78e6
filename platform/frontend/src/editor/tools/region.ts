/** A part of photo and mask as a small picture for a job, and the job's answer back in the mask. */
import { fillPolygon } from "./shapes";
import { intersect, isEmpty, resample, type Plane, type Point, type Rect } from "./kernels";
import type { Photo } from "../photo";
import type { Picture } from "../jobs";
import { readTile, tileRect, tilesIn, writeTile } from "../view/tiles";

export interface Region extends Picture {
  /** The part of the photo, in its pixels. */
  rect: Rect;
}

/** Reads a part of the photo and of its mask so that the longer side has at most `most` pixels. */
export function readRegion(photo: Photo, plane: Plane, part: Rect, most: number): Region | null {
  const rect = intersect(part, { left: 0, top: 0, right: plane.width, bottom: plane.height });
  if (isEmpty(rect)) return null;
  const [across, down] = [rect.right - rect.left, rect.bottom - rect.top];
  const shrink = Math.min(1, most / Math.max(across, down));
  const width = Math.max(1, Math.round(across * shrink));
  const height = Math.max(1, Math.round(down * shrink));
  const alpha = resample(cropped(plane, rect), width, height).data;
  return { rect, width, height, rgba: photo.read(rect, width, height), alpha };
}

export function toRegion({ rect, width, height }: Region, point: Point): Point {
  return {
    x: ((point.x - rect.left) * width) / (rect.right - rect.left),
    y: ((point.y - rect.top) * height) / (rect.bottom - rect.top),
  };
}

/**
 * Adds what a job changed to the mask, tile by tile; answers the changed tiles as they were. Only the difference is
 * enlarged: where the job changed nothing, no byte of the mask changes, whatever the region's resolution.
 * With an outline, only what lies inside of it changes.
 */
export function writeRegion(
  plane: Plane,
  region: Omit<Region, "rgba">,
  after: Uint8ClampedArray,
  outline: readonly Point[] | null = null,
): Map<number, Uint8ClampedArray> {
  const change = Float32Array.from(after, (value, i) => value - region.alpha[i]);
  const touched = new Map<number, Uint8ClampedArray>();
  for (const index of tilesIn(plane, region.rect)) {
    const area = tileRect(plane, index);
    const before = readTile(plane, index);
    const tile = before.slice();
    const within = outline ? new Uint8ClampedArray(tile.length) : null;
    if (within && outline) fillPolygon(within, area, outline);
    if (!addChange(tile, area, region, change, within)) continue;
    writeTile(plane, index, tile);
    touched.set(index, before);
  }
  return touched;
}

function addChange(
  tile: Uint8ClampedArray,
  area: Rect,
  { rect, width, height }: Omit<Region, "rgba">,
  change: Float32Array,
  within: Uint8ClampedArray | null,
): boolean {
  const part = intersect(area, rect);
  const scaleX = width / (rect.right - rect.left);
  const scaleY = height / (rect.bottom - rect.top);
  let changed = false;
  for (let y = part.top; y < part.bottom; y++) {
    const sy = Math.max(0, Math.min(height - 1, (y + 0.5 - rect.top) * scaleY - 0.5));
    const top = Math.floor(sy) * width;
    const bottom = Math.min(height - 1, Math.floor(sy) + 1) * width;
    const fy = sy - Math.floor(sy);
    let index = (y - area.top) * (area.right - area.left) + part.left - area.left;
    for (let x = part.left; x < part.right; x++, index++) {
      const sx = Math.max(0, Math.min(width - 1, (x + 0.5 - rect.left) * scaleX - 0.5));
      const left = Math.floor(sx);
      const right = Math.min(width - 1, left + 1);
      const fx = sx - left;
      const upper = change[top + left] * (1 - fx) + change[top + right] * fx;
      const lower = change[bottom + left] * (1 - fx) + change[bottom + right] * fx;
      const by = (upper * (1 - fy) + lower * fy) * (within ? within[index] / 255 : 1);
      if (!by) continue;
      const was = tile[index];
      tile[index] = Math.round(was + by);
      if (tile[index] !== was) changed = true;
    }
  }
  return changed;
}

export function cropped(plane: Plane, rect: Rect): Plane {
  const width = rect.right - rect.left;
  const height = rect.bottom - rect.top;
  const data = new Uint8ClampedArray(width * height);
  for (let y = 0; y < height; y++) {
    const from = (rect.top + y) * plane.width + rect.left;
    data.set(plane.data.subarray(from, from + width), y * width);
  }
  return { width, height, data };
}
