import type { Point } from "../tools/kernels";
import { fit, keepInSight, pan, toPhoto, zoomAt, type Size, type Viewport } from "./viewport";

/** Where the photo lies on the screen. `onMove` is called after every change, with what was before. */
export class Camera {
  private size: Size = { width: 1, height: 1 };
  private current: Viewport = { scale: 1, x: 0, y: 0 };
  private fitted = true;

  constructor(
    private readonly photo: Size,
    private readonly onMove: (before: Viewport) => void,
  ) {}

  get view(): Viewport {
    return this.current;
  }

  set view(view: Viewport) {
    this.fitted = false;
    this.show(view);
  }

  /** The smallest scale one can zoom to. */
  get smallest(): number {
    return Math.min(0.5, fit(this.photo, this.size).scale / 2);
  }

  get centre(): Point {
    return { x: this.size.width / 2, y: this.size.height / 2 };
  }

  toPhoto(point: Point): Point {
    return toPhoto(this.current, point);
  }

  resize(size: Size): void {
    this.size = size;
    if (this.fitted) this.fit();
    else this.show(this.current);
  }

  fit(): void {
    this.show(fit(this.photo, this.size));
    this.fitted = true;
  }

  zoom(factor: number, centre: Point): void {
    this.view = zoomAt(this.current, factor, centre, this.smallest);
  }

  scroll(dx: number, dy: number): void {
    this.view = pan(this.current, -dx, -dy);
  }

  /** Moves the photo until a point of the screen, `edge` pixels around it included, is in sight. */
  reveal(at: Point, edge = 24): void {
    const dx = Math.max(0, edge - at.x) + Math.min(0, this.size.width - edge - at.x);
    const dy = Math.max(0, edge - at.y) + Math.min(0, this.size.height - edge - at.y);
    if (dx || dy) this.view = pan(this.current, dx, dy);
  }

  private show(view: Viewport): void {
    const before = this.current;
    this.current = keepInSight(view, this.photo, this.size);
    this.onMove(before);
  }
}
