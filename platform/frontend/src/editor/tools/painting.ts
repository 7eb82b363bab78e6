/** Tools that paint while the pointer moves: brush, eraser and the brush that stops at edges. */
import { lineRect, strokeLine } from "./brush";
import { dabRaster, edgeDab } from "./edgebrush";
import type { History } from "../history";
import type { Plane, Point, Rect } from "./kernels";
import type { Photo } from "../photo";
import type { Settings } from "../settings";
import { Stroke, type StrokeNote } from "../stroke";
import type { Sample, Tool } from "./tools";

export interface PaintTarget {
  readonly plane: Plane;
  readonly photo: Photo;
  readonly history: History<StrokeNote>;
  readonly settings: Settings;
  /** The brush's, in photo pixels. */
  readonly diameter: number;
  painted(rect: Rect): void;
}

const LIGHTEST = 0.25; // a pen that barely touches paints this share of the brush's breadth

abstract class PaintTool implements Tool<Sample> {
  private stroke: Stroke | null = null;
  private points: Sample[] = [];
  private skipped: Sample | null = null;
  private at = "";

  constructor(protected readonly target: PaintTarget) {}

  get active(): boolean {
    return this.stroke !== null;
  }

  begin(at: Sample): void {
    this.cancel();
    const { keep, opacity } = this.target.settings;
    this.stroke = new Stroke(this.target.plane, keep ? 255 : 0, opacity);
    this.points = [];
    this.at = new Date().toISOString();
    this.extend(at);
  }

  move(at: Sample): void {
    const last = this.points.at(-1);
    if (!this.stroke || !last) return;
    // Points closer than a brush's edge can show are left out; the last one never is.
    if (Math.hypot(at.x - last.x, at.y - last.y) < this.target.diameter * 0.01) this.skipped = at;
    else this.extend(at);
  }

  complete(): void {
    if (this.stroke && this.skipped) this.extend(this.skipped);
    const tiles = this.stroke?.finish();
    this.stroke = null;
    if (tiles) this.target.history.commit({ tiles, note: this.note() });
  }

  cancel(): void {
    const rect = this.stroke?.revert();
    this.stroke = null;
    this.skipped = null;
    if (rect) this.target.painted(rect);
  }

  /** Covers the way from one point to the next. */
  protected abstract paint(stroke: Stroke, from: Sample, to: Sample): void;

  protected radius({ pressure }: Sample): number {
    const share = pressure === undefined ? 1 : LIGHTEST + (1 - LIGHTEST) * pressure;
    return (this.target.diameter / 2) * share;
  }

  protected show(rect: Rect | null): void {
    if (rect) this.target.painted(rect);
  }

  private extend(at: Sample): void {
    const from = this.points.at(-1) ?? at;
    this.points.push(at);
    this.skipped = null;
    this.paint(this.stroke!, from, at);
  }

  private note(): StrokeNote {
    const { tool, keep, hardness, opacity } = this.target.settings;
    const more = tool === "edge" ? { keep } : {};
    return {
      tool,
      ...more,
      size: round(this.target.diameter),
      hardness,
      opacity,
      points: rounded(this.points),
      at: this.at,
    };
  }
}

/** Brush and eraser. */
export class BrushTool extends PaintTool {
  protected paint(stroke: Stroke, from: Sample, to: Sample): void {
    const { hardness } = this.target.settings;
    const [first, last] = [this.radius(from), this.radius(to)];
    // A pen's line swells and thins in steps too small to be seen.
    const steps = Math.max(1, Math.min(16, Math.ceil(Math.abs(last - first) / Math.max(0.5, first * 0.05))));
    for (let step = 1; step <= steps; step++) {
      const [a, b] = [between(from, to, (step - 1) / steps), between(from, to, step / steps)];
      const radius = first + ((last - first) * step) / steps;
      this.show(
        stroke.cover(lineRect(a, b, radius), (coverage, area) => strokeLine(coverage, area, a, b, radius, hardness)),
      );
    }
  }
}

/** Dab after dab, each of which stops where the picture has an edge. */
export class EdgeTool extends PaintTool {
  protected paint(stroke: Stroke, from: Sample, to: Sample): void {
    const { photo, settings } = this.target;
    const radius = this.radius(to);
    const steps = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / Math.max(1, radius * 0.5)));
    for (let step = 1; step <= steps; step++) {
      const dab = edgeDab(photo, between(from, to, step / steps), radius, settings.hardness);
      if (dab) this.show(stroke.cover(dab.rect, dabRaster(dab)));
    }
  }
}

function between(from: Point, to: Point, share: number): Point {
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** To a tenth of a pixel: a log of thousands of strokes is to stay small. */
export function rounded(points: readonly Point[]): [number, number][] {
  return points.map(({ x, y }) => [Math.round(x * 10) / 10, Math.round(y * 10) / 10]);
}
