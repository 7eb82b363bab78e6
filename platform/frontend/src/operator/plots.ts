/** The geometry of the operator's plots: data in, places out. */

export interface Axis {
  low: number;
  high: number;
  ticks: number[];
}

/** A round range that holds all values, with about `count` steps of 1, 2 or 5 times a power of ten. */
export function axisOf(values: number[], { zero = false, count = 4 } = {}): Axis {
  const finite = values.filter(Number.isFinite);
  if (zero || !finite.length) finite.push(0);
  let [low, high] = [Math.min(...finite), Math.max(...finite)];
  if (low === high) [low, high] = low === 0 ? [-1, 1] : [low - Math.abs(low) / 2, high + Math.abs(high) / 2];
  const step = roundStep((high - low) / count);
  const [first, last] = [Math.floor(low / step + 1e-9), Math.ceil(high / step - 1e-9)];
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => tidy((first + index) * step));
  return { low: ticks[0]!, high: ticks.at(-1)!, ticks };
}

/** The smallest of 1, 2, 5 × 10ⁿ that is no less than `rough`. */
export function roundStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * (([1, 2, 5, 10] as const).find((factor) => factor * power >= rough * (1 - 1e-9)) ?? 10);
}

/** Where a value lies on an axis: 0 at its low end, 1 at its high end, never beyond. */
export function share(value: number, { low, high }: Axis): number {
  return high === low ? 0.5 : Math.min(1, Math.max(0, (value - low) / (high - low)));
}

/** A share as a length of SVG or CSS. */
export function length(part: number): string {
  return `${tidy(part * 100)}%`;
}

export interface Point {
  x: number;
  y: number;
}

/** The corners of a curve in a box of `width` × `height` (y grows downwards), as SVG's `points`. */
export function polyline(curve: [number, number][], xs: Axis, ys: Axis, width: number, height: number): Point[] {
  return curve.map(([x, y]) => ({ x: tidy(share(x, xs) * width), y: tidy((1 - share(y, ys)) * height) }));
}

/** The widths of a bar's parts, as shares of the whole; nothing where there is nothing. */
export function parts(counts: number[]): number[] {
  const whole = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => (whole ? count / whole : 0));
}

function tidy(value: number): number {
  return Math.round(value * 1e6) / 1e6 + 0; // -0 is 0
}

export interface Panel {
  /** Width over height. */
  aspect: number;
  /** The strip's width in panels. */
  strip: number;
  /** How far the strip is to be moved left, in panels. */
  shift: number;
  /** The same as CSS's position of a background, 0 to 1. */
  position: number;
}

/** Where each of `number` equally wide pictures lies in a strip of them, `gap` pixels between each two. */
export function panels(width: number, height: number, number = 4, gap = 4): Panel[] {
  const each = (width - gap * (number - 1)) / number;
  return Array.from({ length: number }, (_, index) => ({
    aspect: each / height,
    strip: width / each,
    shift: (index * (each + gap)) / each,
    position: (index * (each + gap)) / (width - each),
  }));
}
