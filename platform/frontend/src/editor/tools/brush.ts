/** Rasterising a round brush: data in, data out. Coverage is one byte a pixel of an area. */
import { intersect, isEmpty, type Point, type Rect } from "./kernels";

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
 * Raises `coverage` to what a stroke from one point to the other covers. Coverage is a maximum, never a sum, so a
 * stroke looks the same however many points it came in. Row by row: what is wholly covered is filled at once, and only
 * the soft rim is computed pixel by pixel.
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
  const [inner, outer] = reachOf(radius, hardness);
  const width = area.right - area.left;
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const length2 = dx * dx + dy * dy;
  const steep = 1 / (outer - inner);
  const outside = new Capsule(from, to, outer);
  const inside = new Capsule(from, to, inner);

  for (let y = rect.top; y < rect.bottom; y++) {
    if (!outside.row(y + 0.5)) continue;
    const row = (y - area.top) * width - area.left;
    const left = Math.max(rect.left, Math.ceil(outside.left - 0.5));
    const right = Math.min(rect.right, Math.floor(outside.right - 0.5) + 1);
    const solid = inside.row(y + 0.5);
    const solidLeft = solid ? Math.max(left, Math.ceil(inside.left - 0.5)) : right;
    const solidRight = solid ? Math.min(right, Math.floor(inside.right - 0.5) + 1) : right;
    if (solidRight > solidLeft) coverage.fill(255, row + solidLeft, row + solidRight);

    const py = y + 0.5 - from.y;
    for (let x = left; x < right; x++) {
      if (x === solidLeft && solidRight > solidLeft) x = solidRight;
      if (x >= right) break;
      const px = x + 0.5 - from.x;
      const along = length2 === 0 ? 0 : Math.min(1, Math.max(0, (px * dx + py * dy) / length2));
      const distance2 = (px - along * dx) ** 2 + (py - along * dy) ** 2;
      if (distance2 >= outer * outer) continue;
      const t = Math.min(1, (outer - Math.sqrt(distance2)) * steep);
      const value = Math.round(255 * t * t * (3 - 2 * t));
      if (value > coverage[row + x]) coverage[row + x] = value;
    }
  }
  return rect;
}

/** A single dab: a stroke that does not move. */
export function stampDisc(coverage: Uint8ClampedArray, area: Rect, at: Point, radius: number, hardness: number): Rect {
  return strokeLine(coverage, area, at, at, radius, hardness);
}

/** All points up to `radius` from a segment. */
class Capsule {
  /** Where the row last asked for begins and ends. */
  left = 0;
  right = 0;

  constructor(
    private readonly from: Point,
    private readonly to: Point,
    private readonly radius: number,
  ) {}

  /** False when the capsule does not meet this row. */
  row(y: number): boolean {
    this.left = Infinity;
    this.right = -Infinity;
    this.disc(this.from, y);
    this.disc(this.to, y);
    this.band(y);
    return this.left <= this.right;
  }

  private disc(centre: Point, y: number): void {
    const half2 = this.radius ** 2 - (y - centre.y) ** 2;
    if (half2 < 0) return;
    const half = Math.sqrt(half2);
    this.left = Math.min(this.left, centre.x - half);
    this.right = Math.max(this.right, centre.x + half);
  }

  /** The part between the ends: beside the segment, no farther than the radius. */
  private band(y: number): void {
    const dx = this.to.x - this.from.x;
    const dy = this.to.y - this.from.y;
    const length = Math.hypot(dx, dy);
    if (!length) return;
    const py = y - this.from.y;
    let [left, right] = [-Infinity, Infinity];
    const limit = (slope: number, least: number, most: number) => {
      // least ≤ slope · x ≤ most
      if (slope === 0) {
        if (least > 0 || most < 0) right = -Infinity;
        return;
      }
      left = Math.max(left, Math.min(least / slope, most / slope));
      right = Math.min(right, Math.max(least / slope, most / slope));
    };
    limit(dx, -py * dy, length * length - py * dy);
    limit(dy, py * dx - this.radius * length, py * dx + this.radius * length);
    if (left > right) return;
    this.left = Math.min(this.left, this.from.x + left);
    this.right = Math.max(this.right, this.from.x + right);
  }
}
