/** Small state machines. Each goes idle → active → idle, and ends either by complete or by cancel. */
import type { Point } from "./kernels";
import { pan, pinch, type Viewport } from "../view/viewport";

export interface Tool<At> {
  readonly active: boolean;
  begin(at: At): void;
  move(at: At): void;
  complete(): void;
  /** Leaves no trace. */
  cancel(): void;
}

/** Where a pointer is on the photo; `pressure` (0..1) is a pen's. */
export interface Sample extends Point {
  pressure?: number;
}

export interface ViewTarget {
  view: Viewport;
  readonly smallest: number;
}

/** A tool that moves the view; cancelled, it puts the view back. */
abstract class ViewTool<At> implements Tool<At> {
  private start: { at: At; view: Viewport } | null = null;

  constructor(private readonly target: ViewTarget) {}

  get active(): boolean {
    return this.start !== null;
  }

  begin(at: At): void {
    this.start = { at, view: this.target.view };
  }

  move(at: At): void {
    if (this.start) this.target.view = this.moved(this.start.view, this.start.at, at, this.target.smallest);
  }

  complete(): void {
    this.start = null;
  }

  cancel(): void {
    if (this.start) this.target.view = this.start.view;
    this.start = null;
  }

  protected abstract moved(view: Viewport, from: At, to: At, smallest: number): Viewport;
}

/** Points are in screen pixels. */
export class PanTool extends ViewTool<Point> {
  protected moved(view: Viewport, from: Point, to: Point): Viewport {
    return pan(view, to.x - from.x, to.y - from.y);
  }
}

/** Two fingers, in screen pixels. */
export class PinchTool extends ViewTool<[Point, Point]> {
  protected moved(view: Viewport, from: [Point, Point], to: [Point, Point], smallest: number): Viewport {
    return pinch(view, from, to, smallest);
  }
}
