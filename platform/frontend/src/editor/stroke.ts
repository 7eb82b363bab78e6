import { intersect, isEmpty, unite, type Plane, type Rect } from "./tools/kernels";
import { readTile, tileRect, tilesIn, writeTile } from "./view/tiles";

/** A finished change as it is sent with the mask; each tool adds its own parameters. Plain JSON. */
export interface StrokeNote {
  tool: string;
  /** When it began, as ISO 8601. */
  at: string;
  /** A brush's diameter, in photo pixels. */
  size?: number;
  /** In photo pixels. */
  points?: [number, number][];
  [parameter: string]: unknown;
}

interface Touched {
  before: Uint8ClampedArray;
  coverage: Uint8ClampedArray;
  changed: boolean;
}

/** Raises the coverage of an area (one byte a pixel) and answers the part of it that it may have raised. */
export type Raster = (coverage: Uint8ClampedArray, area: Rect) => Rect;

/**
 * A change of the mask under way: it shows at once, and until it is finished it can be taken back without a trace.
 * Coverage is kept for the whole stroke, so a pixel never gets more than the stroke's opacity however often it is passed.
 */
export class Stroke {
  private readonly touched = new Map<number, Touched>();

  /** Moves the mask towards `target`, 255 to keep and 0 to cut away, by at most `opacity` (0..1). */
  constructor(
    private readonly plane: Plane,
    private readonly target: 0 | 255,
    private readonly opacity = 1,
  ) {}

  /** Lets `raster` cover what it wants of `rect`, tile by tile; answers what changed. */
  cover(rect: Rect, raster: Raster): Rect | null {
    let changed: Rect | null = null;
    for (const index of tilesIn(this.plane, rect)) {
      const area = tileRect(this.plane, index);
      const tile = this.touch(index);
      const part = intersect(area, raster(tile.coverage, area));
      if (isEmpty(part)) continue;
      this.apply(tile, area, part);
      changed = unite(changed, part);
    }
    return changed;
  }

  /** Each tile that is no longer what it was, as it was; null when the stroke changed nothing. */
  finish(): Map<number, Uint8ClampedArray> | null {
    const tiles = new Map<number, Uint8ClampedArray>();
    for (const [index, { before, changed }] of this.touched) if (changed) tiles.set(index, before);
    return tiles.size ? tiles : null;
  }

  revert(): Rect | null {
    let rect: Rect | null = null;
    for (const [index, { before }] of this.touched) {
      writeTile(this.plane, index, before);
      rect = unite(rect, tileRect(this.plane, index));
    }
    return rect;
  }

  private touch(index: number): Touched {
    let tile = this.touched.get(index);
    if (!tile) {
      const before = readTile(this.plane, index);
      tile = { before, coverage: new Uint8ClampedArray(before.length), changed: false };
      this.touched.set(index, tile);
    }
    return tile;
  }

  private apply(tile: Touched, area: Rect, rect: Rect): void {
    const { target, plane } = this;
    const { before, coverage } = tile;
    const share = this.opacity / 255;
    const width = area.right - area.left;
    for (let y = rect.top; y < rect.bottom; y++) {
      let index = (y - area.top) * width + rect.left - area.left;
      let at = y * plane.width + rect.left;
      for (let x = rect.left; x < rect.right; x++, index++, at++) {
        if (!coverage[index]) continue;
        const was = before[index];
        const value = Math.round(was + (target - was) * coverage[index] * share);
        plane.data[at] = value;
        if (value !== was) tile.changed = true;
      }
    }
  }
}
