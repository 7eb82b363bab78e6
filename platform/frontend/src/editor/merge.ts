/** Two people's changes of one mask, brought together where they don't touch. */
import { createPlane, type Plane } from "./tools/kernels";
import { readTile, sameBytes, tileRect, tilesIn, writeTile } from "./view/tiles";

/** The tiles in which two planes of one size differ. */
export function changedTiles(before: Plane, after: Plane): Set<number> {
  const all = tilesIn(before, { left: 0, top: 0, right: before.width, bottom: before.height });
  return new Set(all.filter((index) => !sameTile(before, after, index)));
}

export function samePlane(a: Plane, b: Plane): boolean {
  return a.width === b.width && a.height === b.height && changedTiles(a, b).size === 0;
}

/** `base` with both changes; null when both changed the same tile, or the sizes differ. */
export function union(base: Plane, mine: Plane, theirs: Plane): Plane | null {
  const sizes = [mine, theirs].every(({ width, height }) => width === base.width && height === base.height);
  if (!sizes) return null;
  const ours = changedTiles(base, mine);
  const others = changedTiles(base, theirs);
  for (const index of others) if (ours.has(index)) return null;
  const merged = createPlane(base.width, base.height);
  merged.data.set(mine.data);
  for (const index of others) writeTile(merged, index, readTile(theirs, index));
  return merged;
}

function sameTile(a: Plane, b: Plane, index: number): boolean {
  const { left, top, right, bottom } = tileRect(a, index);
  for (let y = top; y < bottom; y++) {
    const from = y * a.width + left;
    const to = from + right - left;
    if (!sameBytes(a.data.subarray(from, to), b.data.subarray(from, to))) return false;
  }
  return true;
}
