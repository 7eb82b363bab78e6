/** Growing, shrinking, feathering and smoothing whole masks: data in, data out. */
import { createPlane, type Plane, type Rect } from "./kernels";
import { tileRect, tilesIn } from "../view/tiles";

export type Refinement = "grow" | "shrink" | "feather" | "smooth";

/** The mask after a refinement by `radius` pixels. Where nothing but one value is near, nothing is computed. */
export function refine(plane: Plane, how: Refinement, radius: number): Plane {
  const out = { ...plane, data: plane.data.slice() };
  const whole = { left: 0, top: 0, right: plane.width, bottom: plane.height };
  const halo = Math.ceil(radius) * (how === "grow" || how === "shrink" ? 1 : 2) + 1;
  for (const index of tilesIn(plane, whole)) {
    const tile = tileRect(plane, index);
    const part = cutOut(plane, {
      left: tile.left - halo,
      top: tile.top - halo,
      right: tile.right + halo,
      bottom: tile.bottom + halo,
    });
    if (isUniform(part.data)) continue;
    const done = KERNELS[how](part, radius);
    for (let y = tile.top; y < tile.bottom; y++) {
      const row = (y - tile.top + halo) * part.width + halo;
      out.data.set(done.data.subarray(row, row + tile.right - tile.left), y * plane.width + tile.left);
    }
  }
  return out;
}

const KERNELS: Record<Refinement, (part: Plane, radius: number) => Plane> = {
  grow: dilate,
  shrink: (part, radius) => inverse(dilate(inverse(part), radius)),
  feather: (part, radius) => blur(part, radius),
  smooth: (part, radius) => steepen(blur(part, radius), radius),
};

/** A part of the plane, its rim repeated outside of the photo. */
function cutOut(plane: Plane, rect: Rect): Plane {
  const part = createPlane(rect.right - rect.left, rect.bottom - rect.top);
  for (let y = 0; y < part.height; y++) {
    const row = clamp(rect.top + y, plane.height) * plane.width;
    const left = clamp(rect.left, plane.width);
    const right = clamp(rect.right - 1, plane.width) + 1;
    const target = y * part.width;
    part.data.set(plane.data.subarray(row + left, row + right), target + left - rect.left);
    part.data.fill(plane.data[row + left], target, target + left - rect.left);
    part.data.fill(plane.data[row + right - 1], target + right - rect.left, target + part.width);
  }
  return part;
}

function clamp(value: number, size: number): number {
  return Math.max(0, Math.min(size - 1, value));
}

function isUniform(data: Uint8ClampedArray): boolean {
  for (let i = 1; i < data.length; i++) if (data[i] !== data[0]) return false;
  return true;
}

function inverse(part: Plane): Plane {
  return { ...part, data: part.data.map((value) => 255 - value) };
}

/** The largest value within a disc; between whole radii, between their values. */
export function dilate(part: Plane, radius: number): Plane {
  const whole = Math.floor(radius);
  const low = dilateWhole(part, whole);
  const rest = radius - whole;
  if (!rest) return low;
  const high = dilateWhole(part, whole + 1);
  return { ...part, data: low.data.map((value, i) => Math.round(value + rest * (high.data[i] - value))) };
}

function dilateWhole({ width, height, data }: Plane, radius: number): Plane {
  if (!radius) return { width, height, data: data.slice() };
  const out = createPlane(width, height);
  const rows = new Map<number, Uint8ClampedArray>();
  for (let dy = -radius; dy <= radius; dy++) {
    const half = Math.floor(Math.sqrt(radius * radius + radius - dy * dy));
    let spread = rows.get(half);
    if (!spread) rows.set(half, (spread = widest(data, width, height, half)));
    for (let y = Math.max(0, -dy); y < Math.min(height, height - dy); y++) {
      const target = y * width;
      const source = (y + dy) * width;
      for (let x = 0; x < width; x++) {
        if (spread[source + x] > out.data[target + x]) out.data[target + x] = spread[source + x];
      }
    }
  }
  return out;
}

/** The largest value up to `half` pixels to the left and right: van Herk's two passes over blocks. */
function widest(data: Uint8ClampedArray, width: number, height: number, half: number): Uint8ClampedArray {
  const out = new Uint8ClampedArray(data.length);
  const span = 2 * half + 1;
  const padded = new Uint8ClampedArray(width + 2 * half + span);
  const ahead = new Uint8ClampedArray(padded.length);
  const behind = new Uint8ClampedArray(padded.length);
  for (let y = 0; y < height; y++) {
    padded.set(data.subarray(y * width, (y + 1) * width), half);
    for (let i = 0; i < padded.length; i++) {
      ahead[i] = i % span ? Math.max(ahead[i - 1], padded[i]) : padded[i];
    }
    for (let i = padded.length - 1; i >= 0; i--) {
      behind[i] = (i + 1) % span && i + 1 < padded.length ? Math.max(behind[i + 1], padded[i]) : padded[i];
    }
    for (let x = 0; x < width; x++) out[y * width + x] = Math.max(behind[x], ahead[x + span - 1]);
  }
  return out;
}

/** Three box filters, which are nearly a Gaussian of half the radius. */
export function blur(part: Plane, radius: number): Plane {
  let values = Float32Array.from(part.data);
  const half = Math.max(0.5, radius / 2);
  for (let pass = 0; pass < 3; pass++) {
    values = boxRows(values, part.width, part.height, half);
    values = transpose(
      boxRows(transpose(values, part.width, part.height), part.height, part.width, half),
      part.height,
      part.width,
    );
  }
  return { ...part, data: Uint8ClampedArray.from(values, Math.round) };
}

/** Means of 2·half + 1 pixels of a row; a broken half weighs the outermost ones less. */
function boxRows(values: Float32Array, width: number, height: number, half: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(values.length);
  const whole = Math.floor(half);
  const rest = half - whole;
  for (let y = 0; y < height; y++) {
    const row = y * width;
    const at = (x: number) => values[row + clamp(x, width)];
    let sum = 0;
    for (let x = -whole; x <= whole; x++) sum += at(x);
    for (let x = 0; x < width; x++) {
      out[row + x] = (sum + rest * (at(x - whole - 1) + at(x + whole + 1))) / (2 * half + 1);
      sum += at(x + whole + 1) - at(x - whole);
    }
  }
  return out;
}

function transpose(values: Float32Array, width: number, height: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(values.length);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) out[x * height + y] = values[y * width + x];
  return out;
}

/** Makes a blurred edge about two pixels wide again, where it was blurred. */
function steepen(part: Plane, radius: number): Plane {
  const slope = Math.max(1, radius);
  return { ...part, data: part.data.map((value) => Math.round((value - 127.5) * slope + 127.5)) };
}
