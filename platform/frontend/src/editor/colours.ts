/** How likely a colour is, and how much neighbouring pixels differ: what a graph cut asks of a picture. */
import { DIRECTIONS } from "./tools/graphcut";

const BINS = 16; // a channel

/** How often colours occur, with a part of each counted in the bins beside its own. */
export class Colours {
  private readonly bins = new Float32Array(BINS ** 3);
  private smooth: Float32Array | null = null;
  private total = 0;

  add(rgba: Uint8ClampedArray, pixel: number, weight: number): void {
    this.bins[binOf(rgba, pixel)] += weight;
    this.total += weight;
    this.smooth = null;
  }

  /** The log likelihood ratio of a pixel's colour against another model, between -2 and 2. */
  against(other: Colours, rgba: Uint8ClampedArray, pixel: number): number {
    const bin = binOf(rgba, pixel);
    const ratio = Math.log((this.share(bin) + 1e-3) / (other.share(bin) + 1e-3));
    return Math.max(-2, Math.min(2, ratio));
  }

  private share(bin: number): number {
    if (!this.total) return 0;
    this.smooth ??= smoothed(this.bins);
    return this.smooth[bin] / this.total;
  }
}

function smoothed(bins: Float32Array): Float32Array {
  for (const step of [1, BINS, BINS ** 2]) {
    const out = new Float32Array(bins.length);
    for (let i = 0; i < out.length; i++) {
      const at = Math.floor(i / step) % BINS;
      const below = at > 0 ? bins[i - step] : bins[i];
      const above = at < BINS - 1 ? bins[i + step] : bins[i];
      out[i] = 0.5 * bins[i] + 0.25 * (below + above);
    }
    bins = out;
  }
  return bins;
}

function binOf(rgba: Uint8ClampedArray, pixel: number): number {
  const i = 4 * pixel;
  return ((rgba[i] >> 4) * BINS + (rgba[i + 1] >> 4)) * BINS + (rgba[i + 2] >> 4);
}

/** Capacities between neighbours: the more alike their colours, the larger, up to `most`. */
export function contrast(rgba: Uint8ClampedArray, width: number, height: number, most: number): Float32Array[] {
  const capacity = DIRECTIONS.map(() => new Float32Array(width * height));
  let sum = 0;
  let count = 0;
  eachPair(width, height, (d, i, j) => {
    const change = squaredChange(rgba, i, j);
    capacity[d][i] = change;
    sum += change;
    count++;
  });
  const beta = count / (2 * sum + 1);
  eachPair(width, height, (d, i, j) => {
    const [dx, dy] = DIRECTIONS[d];
    capacity[d][i] = capacity[d ^ 1][j] = (most / Math.hypot(dx, dy)) * Math.exp(-beta * capacity[d][i]);
  });
  return capacity;
}

function eachPair(width: number, height: number, visit: (direction: number, from: number, to: number) => void): void {
  for (let d = 0; d < DIRECTIONS.length; d += 2) {
    const [dx, dy] = DIRECTIONS[d];
    for (let y = Math.max(0, -dy); y < Math.min(height, height - dy); y++) {
      for (let x = Math.max(0, -dx); x < Math.min(width, width - dx); x++) {
        visit(d, y * width + x, (y + dy) * width + x + dx);
      }
    }
  }
}

function squaredChange(rgba: Uint8ClampedArray, a: number, b: number): number {
  const i = 4 * a;
  const j = 4 * b;
  return (rgba[i] - rgba[j]) ** 2 + (rgba[i + 1] - rgba[j + 1]) ** 2 + (rgba[i + 2] - rgba[j + 2]) ** 2;
}
