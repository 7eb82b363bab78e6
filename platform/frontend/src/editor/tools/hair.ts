/**
 * Hair brush: within the painted band alpha is found anew from the colours, everything around it stays and says what is
 * kept and what is not. Closed-form matting (Levin, Lischinski and Weiss, CVPR 2006), solved by conjugate gradients.
 */
import { ColourLines } from "./colourlines";
import type { Point } from "./kernels";
import { distanceToPath } from "./paths";

export interface Band {
  width: number;
  height: number;
  /** 4 bytes a pixel. */
  rgba: Uint8ClampedArray;
  /** The mask as it is. */
  alpha: Uint8ClampedArray;
  points: Point[];
  /** Half the band's breadth. */
  radius: number;
}

const ROUNDS = 120;
const CLOSE_ENOUGH = 1e-3; // of the first residual
const KNOWN = 100; // how firmly the mask around the band is believed
const HINT = 0.002; // how much the mask within the band counts where colours say nothing

export function hairBrush({ width, height, rgba, alpha, points, radius }: Band): Uint8ClampedArray {
  const away = distanceToPath(width, height, points);
  const lines = new ColourLines(rgba, width, height, 1, 1e-5);
  const start = Float32Array.from(alpha, (value) => value / 255);
  const weight = away.map((distance) => (distance < radius ? HINT : KNOWN));
  const apply = (x: Float32Array) => {
    const out = lines.laplacian(x);
    for (let i = 0; i < out.length; i++) out[i] += weight[i] * x[i];
    return out;
  };
  const wanted = start.map((value, i) => value * weight[i]);
  const found = conjugateGradients(apply, wanted, start);
  return alpha.map((value, i) => (away[i] < radius ? Math.round(255 * found[i]) : value));
}

/** Solves `apply(x) = wanted` for a symmetric positive definite `apply`, beginning at `start`. */
export function conjugateGradients(
  apply: (x: Float32Array) => Float32Array,
  wanted: Float32Array,
  start: Float32Array,
): Float32Array {
  const x = start.slice();
  const residual = apply(x);
  for (let i = 0; i < x.length; i++) residual[i] = wanted[i] - residual[i];
  const direction = residual.slice();
  let size = dot(residual, residual);
  const enough = size * CLOSE_ENOUGH ** 2;
  for (let round = 0; round < ROUNDS && size > enough; round++) {
    const applied = apply(direction);
    const step = size / dot(direction, applied);
    for (let i = 0; i < x.length; i++) {
      x[i] += step * direction[i];
      residual[i] -= step * applied[i];
    }
    const next = dot(residual, residual);
    for (let i = 0; i < x.length; i++) direction[i] = residual[i] + (next / size) * direction[i];
    size = next;
  }
  return x;
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
