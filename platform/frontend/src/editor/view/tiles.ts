import { intersect, isEmpty, type Plane, type Rect } from "../tools/kernels";

/** Side of a tile in pixels: history and strokes keep only the tiles they touched. */
export const TILE = 128;

export function columns(plane: Plane): number {
  return Math.ceil(plane.width / TILE);
}

export function tileRect(plane: Plane, index: number): Rect {
  const left = (index % columns(plane)) * TILE;
  const top = Math.floor(index / columns(plane)) * TILE;
  return {
    left,
    top,
    right: Math.min(left + TILE, plane.width),
    bottom: Math.min(top + TILE, plane.height),
  };
}

export function tilesIn(plane: Plane, rect: Rect): number[] {
  const inside = intersect(rect, { left: 0, top: 0, right: plane.width, bottom: plane.height });
  if (isEmpty(inside)) return [];
  const found: number[] = [];
  for (let row = Math.floor(inside.top / TILE); row * TILE < inside.bottom; row++) {
    for (let column = Math.floor(inside.left / TILE); column * TILE < inside.right; column++) {
      found.push(row * columns(plane) + column);
    }
  }
  return found;
}

export function readTile(plane: Plane, index: number): Uint8ClampedArray {
  const { left, top, right, bottom } = tileRect(plane, index);
  const width = right - left;
  const tile = new Uint8ClampedArray(width * (bottom - top));
  for (let y = top; y < bottom; y++) {
    const start = y * plane.width + left;
    tile.set(plane.data.subarray(start, start + width), (y - top) * width);
  }
  return tile;
}

export function writeTile(plane: Plane, index: number, tile: Uint8ClampedArray): void {
  const { left, top, right, bottom } = tileRect(plane, index);
  const width = right - left;
  for (let y = top; y < bottom; y++) {
    plane.data.set(tile.subarray((y - top) * width, (y - top + 1) * width), y * plane.width + left);
  }
}

export function sameBytes(a: Uint8ClampedArray, b: Uint8ClampedArray): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
