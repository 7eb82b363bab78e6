import { createPlane, type Plane } from "./kernels";
import { readTile, tilesIn, writeTile } from "./tiles";

/** A mask set aside: of the tiles that hold one value throughout, as most do, only that value is kept. */
export class Snapshot {
  private readonly tiles: (number | Uint8ClampedArray)[];
  private readonly width: number;
  private readonly height: number;

  constructor(plane: Plane) {
    this.width = plane.width;
    this.height = plane.height;
    this.tiles = all(plane).map((index) => {
      const tile = readTile(plane, index);
      return isUniform(tile) ? tile[0] : tile;
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
}

function all(plane: Plane): number[] {
  return tilesIn(plane, { left: 0, top: 0, right: plane.width, bottom: plane.height });
}

function isUniform(tile: Uint8ClampedArray): boolean {
  for (let i = 1; i < tile.length; i++) if (tile[i] !== tile[0]) return false;
  return true;
}
