import { blend, intersect, isEmpty, lineRect, strokeLine, unite, type Plane, type Point, type Rect } from "./kernels";
import type { Delta } from "./history";
import { readTile, sameBytes, tileRect, tilesIn, writeTile } from "./tiles";

export type PaintKind = "brush" | "eraser";

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
}

/** The share of the radius that paints at full strength; the rest fades out, so that edges stay soft. */
const HARDNESS = 0.8;

/** A stroke under way: it paints at once, and until it is finished it can be taken back without a trace. */
export class Stroke {
  private readonly touched = new Map<number, Touched>();
  private readonly points: Point[] = [];
  private readonly at = new Date().toISOString();

  constructor(
    private readonly plane: Plane,
    private readonly kind: PaintKind,
    private readonly diameter: number,
  ) {}

  /** Paints up to `point` and answers what changed. */
  extend(point: Point): Rect {
    const from = this.points.at(-1) ?? point;
    this.points.push(point);
    const radius = this.diameter / 2;
    let changed: Rect | null = null;
    for (const index of tilesIn(this.plane, lineRect(from, point, radius))) {
      const area = tileRect(this.plane, index);
      const tile = this.touch(index);
      const rect = intersect(area, strokeLine(tile.coverage, area, from, point, radius, HARDNESS));
      if (isEmpty(rect)) continue;
      this.apply(tile, area, rect);
      changed = unite(changed, rect);
    }
    return changed ?? { left: 0, top: 0, right: 0, bottom: 0 };
  }

  /** The stroke as a change of the plane, or null when it changed nothing. */
  finish(): Delta<StrokeNote> | null {
    const tiles = new Map<number, Uint8ClampedArray>();
    for (const [index, { before }] of this.touched) {
      if (!sameBytes(before, readTile(this.plane, index))) tiles.set(index, before);
    }
    return tiles.size ? { tiles, note: this.note() } : null;
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
      tile = { before, coverage: new Uint8ClampedArray(before.length) };
      this.touched.set(index, tile);
    }
    return tile;
  }

  private apply(tile: Touched, area: Rect, rect: Rect): void {
    const target = this.kind === "brush" ? 255 : 0;
    const width = area.right - area.left;
    for (let y = rect.top; y < rect.bottom; y++) {
      for (let x = rect.left; x < rect.right; x++) {
        const index = (y - area.top) * width + (x - area.left);
        this.plane.data[y * this.plane.width + x] = blend(tile.before[index], target, tile.coverage[index]);
      }
    }
  }

  private note(): StrokeNote {
    const round = (value: number) => Math.round(value * 100) / 100;
    return {
      tool: this.kind,
      size: round(this.diameter),
      points: this.points.map(({ x, y }) => [round(x), round(y)]),
      at: this.at,
    };
  }
}
