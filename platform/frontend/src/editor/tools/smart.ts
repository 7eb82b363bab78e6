/**
 * Smart stroke: a rough scribble of "this" or "not this" cuts its surroundings anew, starting from the mask as it is.
 * A graph cut (Boykov and Jolly, ICCV 2001) between the scribble and what the mask says farther away; colour models as
 * in GrabCut (Rother, Kolmogorov and Blake, SIGGRAPH 2004); the edge made soft again by a guided filter.
 */
import { brushProfile } from "./brush";
import { ColourLines } from "./colourlines";
import { Colours, contrast } from "../colours";
import { geodesicDistance } from "./geodesic";
import { minCut } from "./graphcut";
import { resample, type Point } from "./kernels";
import { distanceToPath } from "./paths";
import { enlarge, shrinkColours, widened } from "../view/resampling";

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
/** Weights of the energy, found on cuts of the starter weights (docs/benchmarks/effort.md). */
export const WEIGHTS = {
  /** Of the colours' log likelihood ratio. */
  colour: 1,
  /** Of being nearer to the scribble than to the other side, by geodesic distance. */
  near: 1,
  /** Of the mask as it is: at the scribble, and more at the reach's rim. */
  mask: 3,
  rim: 3,
  /** Of the mask where it contradicts, throughout: what nothing else speaks for stays as it is. */
  lean: 0.5,
  /** Of neighbours with equal colours on different sides. */
  edge: 8,
};
const ROUNDS = 2; // the second learns the colours from what the first has cut
const SEED = 0.04; // of the reach: the scribble's own breadth
const NOISE = 3; // of the picture, in 0..255: no edge
const TRUSTED = 0.5; // of the reach: from there on the mask's other side is learned from
const FAR = 60_000;
const HARD = 1e6;

/** What the mask is after the scribble. */
export function smartStroke(job: Scribble): Uint8ClampedArray {
  const shrink = Math.min(1, WORK / Math.max(job.width, job.height));
  const width = Math.max(2, Math.round(job.width * shrink));
  const height = Math.max(2, Math.round(job.height * shrink));
  const alpha = resample({ width: job.width, height: job.height, data: job.alpha }, width, height).data;
  const small: Small = {
    width,
    height,
    rgba: shrinkColours(job.rgba, job.width, job.height, width, height),
    belief: Float32Array.from(alpha, (value) => (job.keep ? value : 255 - value) / 255),
    away: distanceToPath(
      width,
      height,
      job.points.map(({ x, y }) => ({ x: (x * width) / job.width, y: (y * height) / job.height })),
    ),
    reach: job.reach * shrink,
  };
  return blendIn(job, small, cut(small));
}

interface Small {
  width: number;
  height: number;
  rgba: Uint8ClampedArray;
  /** The mask as seen from the scribble's side: 1 where it agrees. */
  belief: Float32Array;
  /** Distance from the scribble. */
  away: Float32Array;
  reach: number;
}

/** 1 where the scribble's side is after the cut. */
function cut(small: Small): Uint8Array {
  const { width, height, rgba, belief, away, reach } = small;
  const seed = Math.max(1, reach * SEED);
  const seeds: number[] = [];
  const opposite: number[] = [];
  for (let i = 0; i < belief.length; i++) {
    if (away[i] <= seed) seeds.push(i);
    else if (belief[i] < 0.5 && away[i] >= reach) opposite.push(i);
  }
  const near = geodesicDistance(rgba, width, height, seeds, FAR, 0.2, NOISE);
  const far = opposite.length ? geodesicDistance(rgba, width, height, opposite, FAR, 0.2, NOISE) : null;
  const prior = new Float32Array(belief.length); // all but the colours' part
  for (let i = 0; i < prior.length; i++) {
    const rim = WEIGHTS.rim * (away[i] / reach) ** 2;
    const nearer = far ? (far[i] - near[i]) / (far[i] + near[i] + 1) : 0.3;
    prior[i] = WEIGHTS.near * nearer + (belief[i] >= 0.5 ? WEIGHTS.mask + rim : -rim - WEIGHTS.lean);
  }

  let [mine, theirs] = coloursOfMask(small, seed);
  let sides = new Uint8Array();
  for (let round = 0; round < ROUNDS; round++) {
    if (round) [mine, theirs] = coloursOfCut(small, seed, sides);
    const terminal = prior.map((value, i) => {
      if (away[i] <= seed) return HARD;
      if (away[i] >= reach) return belief[i] >= 0.5 ? HARD : -HARD;
      return value + WEIGHTS.colour * mine.against(theirs, rgba, i);
    });
    sides = new Uint8Array(minCut(width, terminal, contrast(rgba, width, height, WEIGHTS.edge)));
  }
  return sides;
}

/** What both sides look like, as far as the mask can be trusted: where it contradicts, only away from the scribble. */
function coloursOfMask({ rgba, belief, away, reach }: Small, seed: number): [Colours, Colours] {
  const [mine, theirs] = [new Colours(), new Colours()];
  for (let i = 0; i < belief.length; i++) {
    if (away[i] <= seed) mine.add(rgba, i, 4);
    else if (belief[i] >= 0.5) mine.add(rgba, i, 0.5);
    else theirs.add(rgba, i, Math.max(0, Math.min(1, (away[i] / reach - TRUSTED) / (1 - TRUSTED))));
  }
  return [mine, theirs];
}

function coloursOfCut({ rgba, away, reach }: Small, seed: number, sides: Uint8Array): [Colours, Colours] {
  const [mine, theirs] = [new Colours(), new Colours()];
  sides.forEach((side, i) => {
    (side ? mine : theirs).add(rgba, i, away[i] <= seed ? 4 : away[i] < reach ? 1 : 0.5);
  });
  return [mine, theirs];
}

/** The new cut laid into the mask where it differs: soft along the picture's edges, and nothing beyond the reach. */
function blendIn(job: Scribble, small: Small, side: Uint8Array): Uint8ClampedArray {
  const { width, height } = job;
  const full = (values: Float32Array) => enlarge(values, small.width, small.height, width, height);
  const changed = Float32Array.from(side, (value, i) => (value === (small.belief[i] >= 0.5 ? 1 : 0) ? 0 : 1));
  const part = full(widened(changed, small.width, small.height, 2));
  const window = Math.max(1, Math.round((1.5 * width) / small.width));
  const soft = new ColourLines(job.rgba, width, height, window, 1e-4).smooth(full(Float32Array.from(side)));
  const away = distanceToPath(width, height, job.points);
  const seed = Math.max(1.5, job.reach * SEED);
  return job.alpha.map((value, i) => {
    if (away[i] >= job.reach) return value;
    const scribbled = brushProfile(away[i], seed, 0.5);
    const share = Math.max(part[i], scribbled);
    const sure = Math.max(scribbled, Math.min(1, Math.max(0, soft[i] * 1.2 - 0.1)));
    return value + ((job.keep ? sure : 1 - sure) * 255 - value) * share;
  });
}
