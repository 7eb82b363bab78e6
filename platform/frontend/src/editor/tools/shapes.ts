/** Rasterising outlines: data in, data out. */
import { intersect, isEmpty, type Point, type Rect } from "./kernels";

const LINES = 4; // scan lines a pixel row: edges get 4 × 256 levels

export function boundsOf(points: readonly Point[]): Rect {
  const rect = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (const { x, y } of points) {
    rect.left = Math.min(rect.left, Math.floor(x));
    rect.top = Math.min(rect.top, Math.floor(y));
    rect.right = Math.max(rect.right, Math.ceil(x));
    rect.bottom = Math.max(rect.bottom, Math.ceil(y));
  }
  return rect;
}

/**
 * Raises `coverage` (one byte a pixel of `area`) to the share of each pixel that lies inside the closed outline.
 * What an outline surrounds twice, as where it crosses itself, is inside as well (the non-zero rule).
 */
export function fillPolygon(coverage: Uint8ClampedArray, area: Rect, points: readonly Point[]): Rect {
  const rect = intersect(area, boundsOf(points));
  if (points.length < 3 || isEmpty(rect)) return { ...rect, right: rect.left };
  const width = area.right - area.left;
  const line = new Float32Array(rect.right - rect.left + 1);
  for (let y = rect.top; y < rect.bottom; y++) {
    line.fill(0);
    for (let part = 0; part < LINES; part++) addSpans(line, rect, y + (part + 0.5) / LINES, points);
    const row = (y - area.top) * width - area.left;
    for (let x = rect.left; x < rect.right; x++) {
      const value = Math.round((255 * line[x - rect.left]) / LINES);
      if (value > coverage[row + x]) coverage[row + x] = value;
    }
  }
  return rect;
}

/** Adds to each pixel how much of it one scan line covers: 0..1. */
function addSpans(line: Float32Array, rect: Rect, y: number, points: readonly Point[]): void {
  const crossings: { x: number; up: number }[] = [];
  points.forEach((from, i) => {
    const to = points[(i + 1) % points.length];
    if (from.y <= y === to.y <= y) return;
    crossings.push({ x: from.x + ((y - from.y) * (to.x - from.x)) / (to.y - from.y), up: from.y < to.y ? 1 : -1 });
  });
  crossings.sort((a, b) => a.x - b.x);
  let turns = 0;
  for (let i = 0; i + 1 < crossings.length; i++) {
    turns += crossings[i].up;
    if (turns) addSpan(line, crossings[i].x - rect.left, crossings[i + 1].x - rect.left);
  }
}

function addSpan(line: Float32Array, from: number, to: number): void {
  const start = Math.max(0, from);
  const end = Math.min(line.length - 1, to);
  if (end <= start) return;
  const [first, last] = [Math.floor(start), Math.floor(end)];
  if (first === last) {
    line[first] += end - start;
    return;
  }
  line[first] += first + 1 - start;
  for (let x = first + 1; x < last; x++) line[x] += 1;
  line[last] += end - last;
}
