/** A brush that stops at the picture's edges: within each dab only what the centre can reach is covered. */
import { brushProfile } from "./brush";
import { colourChange, geodesicDistance } from "./geodesic";
import { intersect, isEmpty, type Point, type Rect } from "./kernels";
import type { Photo } from "../photo";
import type { Raster } from "../stroke";

/** A dab's side in working pixels: what a dab costs does not depend on the brush's size. */
const WORK = 40;
export const edgeTuning = { core: 0.2, spatial: 0.02, stray: 0.6, wall: 70, noise: 1 };

export interface Dab {
  rect: Rect;
  /** 0..255, one byte a pixel of `rect`, or of a smaller picture of it. */
  coverage: Uint8ClampedArray;
  width: number;
  height: number;
}

/** What a dab covers; null when it lies outside of the photo. */
export function edgeDab(photo: Photo, centre: Point, radius: number, hardness: number): Dab | null {
  const whole = { left: 0, top: 0, right: photo.width, bottom: photo.height };
  const rect = intersect(whole, {
    left: Math.floor(centre.x - radius) - 1,
    top: Math.floor(centre.y - radius) - 1,
    right: Math.ceil(centre.x + radius) + 1,
    bottom: Math.ceil(centre.y + radius) + 1,
  });
  if (isEmpty(rect)) return null;
  const step = Math.max(1, (2 * radius) / WORK);
  const width = Math.max(1, Math.round((rect.right - rect.left) / step));
  const height = Math.max(1, Math.round((rect.bottom - rect.top) / step));
  const rgba = photo.read(rect, width, height);
  const at = {
    x: ((centre.x - rect.left) * width) / (rect.right - rect.left),
    y: ((centre.y - rect.top) * height) / (rect.bottom - rect.top),
  };
  return { rect, width, height, coverage: reachable(rgba, width, height, at, radius / step, hardness) };
}

/**
 * What the brush covers around `centre` without crossing an edge: a geodesic distance from the brush's core, in which
 * straying from the core's colour costs as well.
 */
export function reachable(
  rgba: Uint8ClampedArray,
  width: number,
  height: number,
  centre: Point,
  radius: number,
  hardness: number,
): Uint8ClampedArray {
  const core: number[] = [];
  const coverage = new Uint8ClampedArray(width * height);
  const inner = Math.max(0.75, radius * edgeTuning.core);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const distance = Math.hypot(x + 0.5 - centre.x, y + 0.5 - centre.y);
      if (distance <= inner) core.push(y * width + x);
      coverage[y * width + x] = Math.round(255 * brushProfile(distance, radius, hardness));
    }
  }
  if (!core.length) return coverage.fill(0);
  const { mean, stray, noise } = colourOf(rgba, core, width);
  const limit = edgeTuning.wall;
  const distance = geodesicDistance(rgba, width, height, core, limit, edgeTuning.spatial, noise * edgeTuning.noise);
  for (let i = 0; i < coverage.length; i++) {
    if (!coverage[i]) continue;
    const off = Math.max(
      Math.abs(rgba[4 * i] - mean[0]),
      Math.abs(rgba[4 * i + 1] - mean[1]),
      Math.abs(rgba[4 * i + 2] - mean[2]),
    );
    const cost = distance[i] + edgeTuning.stray * Math.max(0, off - stray);
    coverage[i] = Math.round(coverage[i] * Math.max(0, Math.min(1, (limit - cost) / (0.35 * limit))));
  }
  return coverage;
}

/** The core's mean colour, how far its pixels stray from it, and how much neighbours differ in it. */
function colourOf(rgba: Uint8ClampedArray, core: readonly number[], width: number) {
  const mean = [0, 1, 2].map((channel) => core.reduce((sum, i) => sum + rgba[4 * i + channel], 0) / core.length);
  let stray = 0;
  let noise = 0;
  for (const i of core) {
    stray += Math.max(...mean.map((value, channel) => Math.abs(rgba[4 * i + channel] - value)));
    if ((i + 1) % width) noise += colourChange(rgba, i, i + 1);
  }
  return { mean, stray: (2 * stray) / core.length, noise: noise / core.length };
}

/** Lays a dab into a stroke, enlarged where it was computed smaller. */
export function dabRaster({ rect: whole, coverage: dab, width, height }: Dab): Raster {
  const columns = taps(whole.left, whole.right, width);
  const rows = taps(whole.top, whole.bottom, height);
  return (coverage, area) => {
    const rect = intersect(area, whole);
    const across = area.right - area.left;
    for (let y = rect.top; y < rect.bottom; y++) {
      const row = y - whole.top;
      const top = rows.first[row] * width;
      const bottom = rows.second[row] * width;
      const fy = rows.share[row];
      let index = (y - area.top) * across + rect.left - area.left;
      for (let column = rect.left - whole.left; column < rect.right - whole.left; column++, index++) {
        const left = columns.first[column];
        const right = columns.second[column];
        const fx = columns.share[column];
        const upper = dab[top + left] * (1 - fx) + dab[top + right] * fx;
        const lower = dab[bottom + left] * (1 - fx) + dab[bottom + right] * fx;
        const value = (upper * (1 - fy) + lower * fy + 0.5) | 0;
        if (value > coverage[index]) coverage[index] = value;
      }
    }
    return rect;
  };
}

/** For each photo pixel from `start` to `end` the two of `size` working pixels around it, and the second one's share. */
function taps(start: number, end: number, size: number) {
  const length = end - start;
  const [first, second, share] = [new Uint16Array(length), new Uint16Array(length), new Float32Array(length)];
  for (let i = 0; i < length; i++) {
    const at = Math.max(0, Math.min(size - 1, ((i + 0.5) * size) / length - 0.5));
    first[i] = Math.floor(at);
    second[i] = Math.min(size - 1, first[i] + 1);
    share[i] = at - first[i];
  }
  return { first, second, share };
}
