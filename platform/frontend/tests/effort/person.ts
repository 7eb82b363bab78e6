/** A scripted person: sees the largest error, and paints along its middle with an unsteady hand. */
import type { Plane, Point } from "../../src/editor/tools/kernels";

export interface Region {
  /** True where the mask lacks something, false where it has too much. */
  keep: boolean;
  pixels: number[];
  /** Distance of each pixel of the picture to the region's rim, 0 outside. */
  depth: Float32Array;
  /** The deepest of its pixels. */
  peak: number;
}

export type Random = () => number;

/** mulberry32: small, seeded, good enough for a hand that trembles. */
export function random(seed: number): Random {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function gauss(next: Random): number {
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

export function iou(mask: Plane, truth: Uint8Array): number {
  let both = 0;
  let either = 0;
  for (let i = 0; i < truth.length; i++) {
    const a = mask.data[i] >= 128;
    const b = truth[i] >= 128;
    if (a && b) both++;
    if (a || b) either++;
  }
  return either ? both / either : 1;
}

/** The largest connected piece of what is wrong, or null when nothing is. */
export function largestError(mask: Plane, truth: Uint8Array): Region | null {
  const { width, height } = mask;
  const kind = new Uint8Array(truth.length);
  for (let i = 0; i < kind.length; i++) {
    const [is, should] = [mask.data[i] >= 128, truth[i] >= 128];
    if (is !== should) kind[i] = should ? 1 : 2;
  }
  const seen = new Uint8Array(kind.length);
  let best: number[] = [];
  for (let start = 0; start < kind.length; start++) {
    if (!kind[start] || seen[start]) continue;
    const pixels = [start];
    seen[start] = 1;
    for (let k = 0; k < pixels.length; k++) {
      for (const other of around(pixels[k], width, height)) {
        if (seen[other] || kind[other] !== kind[start]) continue;
        seen[other] = 1;
        pixels.push(other);
      }
    }
    if (pixels.length > best.length) best = pixels;
  }
  if (!best.length) return null;
  const depth = depths(best, width, height);
  const peak = best.reduce((a, b) => (depth[b] > depth[a] ? b : a));
  return { keep: kind[peak] === 1, pixels: best, depth, peak };
}

/** Two ends of the region's deep part that lie farthest apart, and the deepest way between them. */
export function middleLine(region: Region, mask: Plane, least: number): Point[] {
  const { width, height } = mask;
  const deep = (pixel: number) => region.depth[pixel] >= least;
  const from = farthest(region.peak, deep, () => 1, width, height).last;
  const there = farthest(
    from,
    deep,
    (pixel) => 1 / (0.2 + region.depth[pixel] / region.depth[region.peak]) ** 2,
    width,
    height,
  );
  const points: Point[] = [];
  for (let at = farthest(from, deep, () => 1, width, height).last; at >= 0; at = there.before[at]) {
    points.push({ x: (at % width) + 0.5, y: Math.floor(at / width) + 0.5 });
  }
  return points;
}

/** Every few pixels of a line, each a little off. */
export function byHand(line: readonly Point[], every: number, tremble: number, next: Random): Point[] {
  const step = Math.max(1, Math.round(every));
  const points = line.filter((_, i) => i % step === 0 || i === line.length - 1);
  const [dx, dy] = [gauss(next) * tremble * 0.7, gauss(next) * tremble * 0.7]; // the whole stroke is off, too
  return points.map(({ x, y }) => ({
    x: x + dx + gauss(next) * tremble * 0.7,
    y: y + dy + gauss(next) * tremble * 0.7,
  }));
}

/** How far from the line the given share of the region lies. */
export function spread(region: Region, line: readonly Point[], width: number, share: number): number {
  const distances = region.pixels.map((pixel) => {
    const [x, y] = [(pixel % width) + 0.5, Math.floor(pixel / width) + 0.5];
    return Math.min(...line.map((point) => Math.hypot(point.x - x, point.y - y)));
  });
  return distances.sort((a, b) => a - b)[Math.floor((distances.length - 1) * share)];
}

function* around(pixel: number, width: number, height: number): Generator<number> {
  const x = pixel % width;
  const y = (pixel - x) / width;
  for (let dy = -1; dy <= 1; dy++) {
    for (let dx = -1; dx <= 1; dx++) {
      if ((dx || dy) && x + dx >= 0 && x + dx < width && y + dy >= 0 && y + dy < height) yield pixel + dy * width + dx;
    }
  }
}

/** Chamfer distances (3, 4) to whatever is not of the region; the picture's rim is no rim of the region. */
function depths(pixels: readonly number[], width: number, height: number): Float32Array {
  const depth = new Float32Array(width * height);
  for (const pixel of pixels) depth[pixel] = Infinity;
  const relax = (i: number, x: number, y: number, sign: 1 | -1) => {
    if (!depth[i]) return;
    if (x - sign >= 0 && x - sign < width) depth[i] = Math.min(depth[i], depth[i - sign] + 1);
    if (y - sign < 0 || y - sign >= height) return;
    const row = i - sign * width;
    depth[i] = Math.min(depth[i], depth[row] + 1);
    if (x > 0) depth[i] = Math.min(depth[i], depth[row - 1] + 4 / 3);
    if (x < width - 1) depth[i] = Math.min(depth[i], depth[row + 1] + 4 / 3);
  };
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) relax(y * width + x, x, y, 1);
  for (let y = height - 1; y >= 0; y--) for (let x = width - 1; x >= 0; x--) relax(y * width + x, x, y, -1);
  return depth;
}

function farthest(
  start: number,
  allowed: (pixel: number) => boolean,
  cost: (pixel: number) => number,
  width: number,
  height: number,
): { last: number; before: Int32Array } {
  const before = new Int32Array(width * height).fill(-2);
  const paid = new Float64Array(width * height).fill(Infinity);
  const buckets: number[][] = [[start]];
  before[start] = -1;
  paid[start] = 0;
  let last = start;
  for (let b = 0; b < buckets.length; b++) {
    const bucket = buckets[b] ?? [];
    for (let k = 0; k < bucket.length; k++) {
      const pixel = bucket[k];
      if (Math.floor(paid[pixel] * 4) !== b) continue;
      last = pixel;
      for (const other of around(pixel, width, height)) {
        if (!allowed(other)) continue;
        const diagonal = other % width !== pixel % width && Math.abs(other - pixel) !== 1;
        const total = paid[pixel] + cost(other) * (diagonal ? Math.SQRT2 : 1);
        if (total >= paid[other]) continue;
        paid[other] = total;
        before[other] = pixel;
        (buckets[Math.floor(total * 4)] ??= []).push(other);
      }
    }
  }
  return { last, before };
}
