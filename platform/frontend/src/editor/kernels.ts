/** Pure functions on masks. A mask is an alpha plane: 0 is cut away, 255 is kept. */

export interface Point {
  x: number;
  y: number;
}

/** `right` and `bottom` are exclusive. */
export interface Rect {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** `data` holds width × height bytes, row by row. */
export interface Plane {
  width: number;
  height: number;
  data: Uint8ClampedArray;
}

export function createPlane(width: number, height: number, fill = 0): Plane {
  return { width, height, data: new Uint8ClampedArray(width * height).fill(fill) };
}

export function isEmpty(rect: Rect): boolean {
  return rect.right <= rect.left || rect.bottom <= rect.top;
}

export function intersect(a: Rect, b: Rect): Rect {
  return {
    left: Math.max(a.left, b.left),
    top: Math.max(a.top, b.top),
    right: Math.min(a.right, b.right),
    bottom: Math.min(a.bottom, b.bottom),
  };
}

export function unite(a: Rect | null, b: Rect): Rect {
  if (!a) return b;
  return {
    left: Math.min(a.left, b.left),
    top: Math.min(a.top, b.top),
    right: Math.max(a.right, b.right),
    bottom: Math.max(a.bottom, b.bottom),
  };
}

/** Every pixel a round brush touches on its way from one point to the other, before clipping to the photo. */
export function lineRect(from: Point, to: Point, radius: number): Rect {
  const reach = Math.max(radius, 0.5) + 1;
  return {
    left: Math.floor(Math.min(from.x, to.x) - reach),
    top: Math.floor(Math.min(from.y, to.y) - reach),
    right: Math.ceil(Math.max(from.x, to.x) + reach),
    bottom: Math.ceil(Math.max(from.y, to.y) + reach),
  };
}

/** Up to `inner` pixels off its path the brush covers wholly, from `outer` on not at all. */
function reachOf(radius: number, hardness: number): [inner: number, outer: number] {
  const inner = Math.max(0, Math.min(radius * hardness, radius - 0.5));
  return [inner, Math.max(radius, inner + 1)];
}

/** How fully the brush covers a pixel whose centre lies `distance` pixels off its path: 0..1. */
export function brushProfile(distance: number, radius: number, hardness: number): number {
  const [inner, outer] = reachOf(radius, hardness);
  if (distance <= inner) return 1;
  if (distance >= outer) return 0;
  const t = (outer - distance) / (outer - inner);
  return t * t * (3 - 2 * t);
}

/**
 * Raises `coverage` (one byte a pixel of `area`) to what a stroke from one point to the other covers.
 * Coverage is a maximum, never a sum, so a stroke looks the same however many points it came in.
 */
export function strokeLine(
  coverage: Uint8ClampedArray,
  area: Rect,
  from: Point,
  to: Point,
  radius: number,
  hardness: number,
): Rect {
  const rect = intersect(area, lineRect(from, to, radius));
  if (isEmpty(rect)) return rect;
  const width = area.right - area.left;
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const length2 = dx * dx + dy * dy;
  const [inner, outer] = reachOf(radius, hardness);
  for (let y = rect.top; y < rect.bottom; y++) {
    const py = y + 0.5 - from.y;
    for (let x = rect.left; x < rect.right; x++) {
      const px = x + 0.5 - from.x;
      const along = length2 === 0 ? 0 : Math.min(1, Math.max(0, (px * dx + py * dy) / length2));
      const distance2 = (px - along * dx) ** 2 + (py - along * dy) ** 2;
      if (distance2 >= outer * outer) continue;
      const index = (y - area.top) * width + (x - area.left);
      // The root and the soft edge only cost where there is an edge.
      const value =
        distance2 <= inner * inner ? 255 : Math.round(255 * brushProfile(Math.sqrt(distance2), radius, hardness));
      if (value > coverage[index]) coverage[index] = value;
    }
  }
  return rect;
}

/** A single dab: a stroke that does not move. */
export function stampDisc(
  coverage: Uint8ClampedArray,
  area: Rect,
  centre: Point,
  radius: number,
  hardness: number,
): Rect {
  return strokeLine(coverage, area, centre, centre, radius, hardness);
}

/** `before` moved towards `target` (0 or 255) by `coverage`/255. */
export function blend(before: number, target: number, coverage: number): number {
  return Math.round(before + ((target - before) * coverage) / 255);
}

export interface Difference {
  added: number;
  removed: number;
}

/** Pixels that changed sides between two masks of equal size. */
export function diff(before: Plane, after: Plane, threshold = 128): Difference {
  let added = 0;
  let removed = 0;
  for (let i = 0; i < before.data.length; i++) {
    const was = before.data[i] >= threshold;
    const is = after.data[i] >= threshold;
    if (is && !was) added++;
    else if (was && !is) removed++;
  }
  return { added, removed };
}

/** The mask at another size: the average over each target pixel's box when smaller, the nearest pixel when larger. */
export function resample(plane: Plane, width: number, height: number): Plane {
  const out = createPlane(width, height);
  const stepX = plane.width / width;
  const stepY = plane.height / height;
  for (let y = 0; y < height; y++) {
    const top = Math.floor(y * stepY);
    const bottom = Math.max(top + 1, Math.floor((y + 1) * stepY));
    for (let x = 0; x < width; x++) {
      const left = Math.floor(x * stepX);
      const right = Math.max(left + 1, Math.floor((x + 1) * stepX));
      let sum = 0;
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) sum += plane.data[row * plane.width + column];
      }
      out.data[y * width + x] = Math.round(sum / ((bottom - top) * (right - left)));
    }
  }
  return out;
}
