import { createPlane, unite, type Plane, type Rect } from "../tools/kernels";
import { readTile, tileRect, tilesIn, writeTile } from "./tiles";

/** A mask set aside: of the tiles that hold one value throughout, as most do, only that value is kept. */
export class Snapshot {
  private readonly tiles: (number | Uint8ClampedArray)[];
  private readonly width: number;
  private readonly height: number;

  constructor(plane: Plane) {
    this.width = plane.width;
    this.height = plane.height;
    this.tiles = all(plane).map((index) => {
      const area = tileRect(plane, index);
      const first = plane.data[area.top * plane.width + area.left];
      return holds(plane, area, first) ? first : readTile(plane, index);
    });
  }

  plane(): Plane {
    const plane = createPlane(this.width, this.height);
    for (const index of all(plane)) {
      const tile = this.tiles[index];
      writeTile(plane, index, typeof tile === "number" ? readTile(plane, index).fill(tile) : tile);
    }
    return plane;
  }

  /** The part in which a mask of the same size is no longer as this one, by whole tiles; null when there is none. */
  changed(plane: Plane): Rect | null {
    let rect: Rect | null = null;
    for (const index of all(plane)) {
      const area = tileRect(plane, index);
      if (!holds(plane, area, this.tiles[index])) rect = unite(rect, area);
    }
    return rect;
  }

  /** What each pixel of a part, made of whole tiles, has gained since, modulo 256. */
  difference(plane: Plane, rect: Rect): Plane {
    const out = createPlane(rect.right - rect.left, rect.bottom - rect.top);
    for (const index of tilesIn(plane, rect)) {
      const area = tileRect(plane, index);
      if (holds(plane, area, this.tiles[index])) continue;
      const tile = this.tiles[index];
      for (let y = area.top, at = 0; y < area.bottom; y++) {
        const target = (y - rect.top) * out.width - rect.left;
        for (let x = area.left; x < area.right; x++, at++) {
          out.data[target + x] = (plane.data[y * plane.width + x] - (typeof tile === "number" ? tile : tile[at])) & 255;
        }
      }
    }
    return out;
  }
}

function all(plane: Plane): number[] {
  return tilesIn(plane, { left: 0, top: 0, right: plane.width, bottom: plane.height });
}

/** Whether a part of the mask is as this tile, or has this value throughout. */
function holds({ data, width }: Plane, area: Rect, tile: number | Uint8ClampedArray): boolean {
  const across = area.right - area.left;
  for (let y = area.top, at = 0; y < area.bottom; y++, at += across) {
    const row = y * width + area.left;
    if (typeof tile === "number") {
      for (let x = 0; x < across; x++) if (data[row + x] !== tile) return false;
    } else for (let x = 0; x < across; x++) if (data[row + x] !== tile[at + x]) return false;
  }
  return true;
}
