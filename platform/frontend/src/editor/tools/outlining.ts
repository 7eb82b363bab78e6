/** Tools that gather points first and change the mask when they are done: lasso, polygon, scribbles and fill. */
import type { Plane, Point } from "./kernels";
import type { Sample, Tool } from "./tools";

/** A line that is shown over the photo while it is drawn, in photo pixels. */
export interface Sketch {
  points: readonly Point[];
  closed: boolean;
}

export interface OutlineTarget {
  readonly plane: Plane;
  /** How near to a point counts as on it, in photo pixels. */
  readonly grasp: number;
  sketch: Sketch | null;
  /** What a finished line does. */
  drawn(points: Point[], at: string): void;
}

/** A line drawn with the pointer held: lasso, smart stroke, hair brush. */
export class LineTool implements Tool<Sample> {
  protected points: Point[] | null = null;
  private at = "";

  constructor(
    private readonly target: OutlineTarget,
    private readonly closed: boolean,
  ) {}

  get active(): boolean {
    return this.points !== null;
  }

  begin(at: Sample): void {
    this.points = [at];
    this.at = new Date().toISOString();
    this.show();
  }

  move(at: Sample): void {
    const last = this.points?.at(-1);
    if (!last || Math.hypot(at.x - last.x, at.y - last.y) < this.target.grasp / 12) return;
    this.points = [...this.points!, at];
    this.show();
  }

  complete(): void {
    const points = this.points;
    this.cancel();
    if (points) this.target.drawn(points, this.at);
  }

  cancel(): void {
    if (!this.points) return;
    this.points = null;
    this.target.sketch = null;
  }

  private show(): void {
    this.target.sketch = { points: this.points!, closed: this.closed };
  }
}

/** Corner after corner; closed by the first corner again, by Enter, or taken back as a whole. */
export class PolygonTool implements Tool<Sample> {
  private corners: Point[] = [];
  private next: Point | null = null;
  private at = "";

  constructor(private readonly target: OutlineTarget) {}

  get active(): boolean {
    return this.next !== null;
  }

  /** Whether corners stand that are not closed yet. */
  get open(): boolean {
    return this.corners.length > 0;
  }

  begin(at: Sample): void {
    if (!this.open) this.at = new Date().toISOString();
    this.next = at;
    this.show();
  }

  move(at: Sample): void {
    if (!this.next) return;
    this.next = at;
    this.show();
  }

  complete(): void {
    const corner = this.next;
    if (!corner) return;
    this.next = null;
    if (this.closes(corner)) return this.close();
    this.corners.push(corner);
    this.show();
  }

  cancel(): void {
    this.next = null;
    this.show();
  }

  /** Takes the last corner back; false when there is none. */
  back(): boolean {
    const corner = this.corners.pop();
    this.show();
    return corner !== undefined;
  }

  close(): void {
    const corners = this.corners;
    this.abandon();
    if (corners.length > 2) this.target.drawn(corners, this.at);
  }

  abandon(): void {
    this.corners = [];
    this.next = null;
    this.target.sketch = null;
  }

  private closes(corner: Point): boolean {
    const [first] = this.corners;
    return this.corners.length > 2 && Math.hypot(corner.x - first.x, corner.y - first.y) <= this.target.grasp;
  }

  private show(): void {
    const points = this.next ? [...this.corners, this.next] : [...this.corners];
    this.target.sketch = points.length ? { points, closed: false } : null;
  }
}

/** Does something at the point where the pointer is let go. */
export class PointTool implements Tool<Sample> {
  private point: Sample | null = null;

  constructor(private readonly target: OutlineTarget) {}

  get active(): boolean {
    return this.point !== null;
  }

  begin(at: Sample): void {
    this.point = at;
  }

  move(at: Sample): void {
    if (this.point) this.point = at;
  }

  complete(): void {
    const point = this.point;
    this.point = null;
    if (point && inside(this.target.plane, point)) this.target.drawn([point], new Date().toISOString());
  }

  cancel(): void {
    this.point = null;
  }
}

function inside(plane: Plane, { x, y }: Point): boolean {
  return x >= 0 && y >= 0 && x < plane.width && y < plane.height;
}
