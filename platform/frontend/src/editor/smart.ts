/**
 * Smart stroke: a rough scribble of "this" or "not this" cuts its surroundings anew, starting from the mask as it is.
 * A graph cut (Boykov and Jolly, ICCV 2001) between the scribble and what the mask says farther away; colour models as
 * in GrabCut (Rother, Kolmogorov and Blake, SIGGRAPH 2004); the edge made soft again by a guided filter.
 */
import { ColourLines } from "./colourlines";
import { geodesicDistance } from "./geodesic";
import { DIRECTIONS, minCut } from "./graphcut";
import { distanceToPath } from "./paths";
import { resample, type Plane, type Point } from "./kernels";

/** All in pixels of the same small picture. */
export interface Scribble {
  width: number;
  height: number;
  /** 4 bytes a pixel. */
  rgba: Uint8ClampedArray;
  /** The mask as it is. */
  alpha: Uint8ClampedArray;
  points: Point[];
  /** What lies farther from the scribble than this stays as it is. */
  reach: number;
  /** True for "this", false for "not this". */
  keep: boolean;
}

/** Longest side at which the cut is computed. */
const WORK = 144;
const COLOURS = 16; // bins a channel
const TUNING = {
  colour: 1,
  prior: 3,
  geo: 2,
  lambda: 12,
  seed: 0.08,
  bgFrom: 0.5,
  spatial: 0.2,
  noise: 0,
  both: 1,
  stay: 1,
  power: 2,
  mine: 0.5,
};
export const tuning = TUNING;

export function smartStroke(job: Scribble): Uint8ClampedArray {
  const shrink = Math.min(1, WORK / Math.max(job.width, job.height));
  const width = Math.max(2, Math.round(job.width * shrink));
  const height = Math.max(2, Math.round(job.height * shrink));
  const rgba = shrinkColours(job.rgba, job.width, job.height, width, height);
  const alpha = resample({ width: job.width, height: job.height, data: job.alpha }, width, height).data;
  const was = alpha.map((value) => (value >= 128 === job.keep ? 1 : 0)); // 1: already on the scribble's side
  const points = job.points.map(({ x, y }) => ({ x: (x * width) / job.width, y: (y * height) / job.height }));
  const away = distanceToPath(width, height, points);
  const side = cut(rgba, width, height, was, away, job.reach * shrink);
  const changed = new Float32Array(width * height);
  for (let i = 0; i < changed.length; i++)
    changed[i] = TUNING.both ? (side[i] !== was[i] ? 1 : 0) : side[i] && !was[i] ? 1 : 0;
  return blendIn(job, { width, height, side, changed, points });
}

/** 1 where the scribble's side is after the cut. */
function cut(
  rgba: Uint8ClampedArray,
  width: number,
  height: number,
  was: Uint8ClampedArray,
  away: Float32Array,
  reach: number,
): Uint8Array {
  const pixels = width * height;
  const seeds: number[] = [];
  const opposite: number[] = [];
  const radius = Math.max(1, reach * TUNING.seed);
  for (let i = 0; i < pixels; i++) {
    if (away[i] <= radius) seeds.push(i);
    else if (away[i] >= reach && !was[i]) opposite.push(i);
  }
  const LIMIT = 60000;
  const near = geodesicDistance(rgba, width, height, seeds, LIMIT, TUNING.spatial, TUNING.noise);
  const far = opposite.length
    ? geodesicDistance(rgba, width, height, opposite, LIMIT, TUNING.spatial, TUNING.noise)
    : null;
  const here = new Histogram();
  const there = new Histogram();
  for (let i = 0; i < pixels; i++) {
    if (away[i] <= radius) here.add(rgba, i, 4);
    else if (was[i]) here.add(rgba, i, TUNING.mine);
    else there.add(rgba, i, Math.max(0, Math.min(1, (away[i] / reach - TUNING.bgFrom) / (1 - TUNING.bgFrom))));
  }
  here.settle();
  there.settle();

  const terminal = new Float32Array(pixels);
  const HARD = 1e6;
  for (let i = 0; i < pixels; i++) {
    if (away[i] <= radius || (was[i] && (!TUNING.both || away[i] >= reach))) terminal[i] = HARD;
    else if (away[i] >= reach) terminal[i] = -HARD;
    else {
      const ratio = Math.log((here.of(rgba, i) + 1e-3) / (there.of(rgba, i) + 1e-3));
      const g = far ? (far[i] - near[i]) / (far[i] + near[i] + 1) : 0.3;
      const prior = (away[i] / reach) ** TUNING.power;
      terminal[i] =
        TUNING.colour * Math.max(-2, Math.min(2, ratio)) +
        TUNING.geo * g +
        (was[i] ? TUNING.stay + TUNING.prior * prior : -TUNING.prior * prior);
    }
  }
  return minCut(width, terminal, contrast(rgba, width, height, TUNING.lambda));
}

/** Neighbours belong together the more, the more alike their colours are. */
function contrast(rgba: Uint8ClampedArray, width: number, height: number, lambda: number): Float32Array[] {
  const pixels = width * height;
  const capacity = DIRECTIONS.map(() => new Float32Array(pixels));
  let sum = 0;
  let count = 0;
  for (let d = 0; d < 8; d += 2) {
    const [dx, dy] = DIRECTIONS[d];
    const offset = dy * width + dx;
    for (let y = Math.max(0, -dy); y < Math.min(height, height - dy); y++) {
      for (let x = Math.max(0, -dx); x < Math.min(width, width - dx); x++) {
        const i = y * width + x;
        const change = squared(rgba, i, i + offset);
        capacity[d][i] = change;
        sum += change;
        count++;
      }
    }
  }
  const beta = count / (2 * sum + 1);
  for (let d = 0; d < 8; d += 2) {
    const [dx, dy] = DIRECTIONS[d];
    const offset = dy * width + dx;
    const weight = lambda / Math.hypot(dx, dy);
    for (let y = Math.max(0, -dy); y < Math.min(height, height - dy); y++) {
      for (let x = Math.max(0, -dx); x < Math.min(width, width - dx); x++) {
        const i = y * width + x;
        capacity[d][i] = capacity[d + 1][i + offset] = weight * Math.exp(-beta * capacity[d][i]);
      }
    }
  }
  return capacity;
}

function squared(rgba: Uint8ClampedArray, a: number, b: number): number {
  const i = 4 * a;
  const j = 4 * b;
  return (rgba[i] - rgba[j]) ** 2 + (rgba[i + 1] - rgba[j + 1]) ** 2 + (rgba[i + 2] - rgba[j + 2]) ** 2;
}

/** How often colours occur, smoothed over neighbouring bins. */
class Histogram {
  private bins = new Float32Array(COLOURS ** 3);
  private total = 0;

  add(rgba: Uint8ClampedArray, pixel: number, weight: number): void {
    this.bins[binOf(rgba, pixel)] += weight;
    this.total += weight;
  }

  settle(): void {
    for (const step of [1, COLOURS, COLOURS ** 2]) {
      const out = new Float32Array(this.bins.length);
      for (let i = 0; i < out.length; i++) {
        const at = Math.floor(i / step) % COLOURS;
        const below = at > 0 ? this.bins[i - step] : this.bins[i];
        const above = at < COLOURS - 1 ? this.bins[i + step] : this.bins[i];
        out[i] = 0.5 * this.bins[i] + 0.25 * (below + above);
      }
      this.bins = out;
    }
  }

  of(rgba: Uint8ClampedArray, pixel: number): number {
    return this.total ? this.bins[binOf(rgba, pixel)] / this.total : 0;
  }
}

function binOf(rgba: Uint8ClampedArray, pixel: number): number {
  const i = 4 * pixel;
  return ((rgba[i] >> 4) * COLOURS + (rgba[i + 1] >> 4)) * COLOURS + (rgba[i + 2] >> 4);
}

/** The new part laid into the mask: soft along the picture's edges, and nothing beyond the reach. */
function blendIn(
  job: Scribble,
  small: { width: number; height: number; side: Uint8Array; changed: Float32Array; points: Point[] },
): Uint8ClampedArray {
  const scale = job.width / small.width;
  const side = enlarge(Float32Array.from(small.side), small.width, small.height, job.width, job.height);
  const part = enlarge(
    widened(small.changed, small.width, small.height),
    small.width,
    small.height,
    job.width,
    job.height,
  );
  const lines = new ColourLines(job.rgba, job.width, job.height, Math.max(1, Math.round(1.5 * scale)), 1e-4);
  const soft = lines.smooth(side);
  const away = distanceToPath(job.width, job.height, job.points);
  const out = job.alpha.slice();
  for (let i = 0; i < out.length; i++) {
    if (part[i] <= 0 || away[i] >= job.reach) continue;
    if (TUNING.both) {
      const v = 255 * Math.max(0, Math.min(1, soft[i] * 1.2 - 0.1));
      out[i] += ((job.keep ? v : 255 - v) - out[i]) * Math.min(1, part[i]);
      continue;
    }
    const value = Math.max(0, Math.min(1, soft[i] * 1.2 - 0.1)) * Math.min(1, part[i]);
    out[i] = job.keep ? Math.max(out[i], 255 * value) : Math.min(out[i], 255 - 255 * value);
  }
  return out;
}

/** 1 in the part and on the pixels around it. */
function widened(part: Float32Array, width: number, height: number): Float32Array {
  const out = new Float32Array(part.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let most = 0;
      for (let dy = -2; dy <= 2; dy++) {
        for (let dx = -2; dx <= 2; dx++) {
          if (x + dx < 0 || y + dy < 0 || x + dx >= width || y + dy >= height) continue;
          most = Math.max(most, part[(y + dy) * width + x + dx]);
        }
      }
      out[y * width + x] = most;
    }
  }
  return out;
}

function shrinkColours(
  rgba: Uint8ClampedArray,
  width: number,
  height: number,
  w: number,
  h: number,
): Uint8ClampedArray {
  if (w === width && h === height) return rgba;
  const out = new Uint8ClampedArray(4 * w * h);
  for (let channel = 0; channel < 3; channel++) {
    const data = new Uint8ClampedArray(width * height);
    for (let i = 0; i < data.length; i++) data[i] = rgba[4 * i + channel];
    const small = resample({ width, height, data } satisfies Plane, w, h).data;
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
