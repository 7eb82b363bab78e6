import { BrushCursor } from "./view/brushcursor";
import { Camera } from "./view/camera";
import { changesOf, type Changes } from "./changes";
import type { Tint } from "./view/compositing";
import { fillOutline, replaceMask } from "./tools/edits";
import { Gestures, type Contact } from "./view/gestures";
import { History } from "./history";
import type { Plane, Point, Rect } from "./tools/kernels";
import type { Refinement } from "./tools/morphology";
import { LineTool, PointTool, PolygonTool, type Sketch } from "./tools/outlining";
import { BrushTool, EdgeTool } from "./tools/painting";
import { DrawnPhoto, type Photo } from "./photo";
import { encodePng } from "./png";
import type { Screen, ViewMode } from "./view/renderer";
import { changed, DEFAULTS, type Settings, type ToolName } from "./settings";
import { DirectSolver, type Solver } from "./tools/solver";
import { Snapshot } from "./view/snapshot";
import { Steps } from "./steps";
import { Stopwatch } from "./view/stopwatch";
import type { StrokeNote } from "./stroke";
import { fillTask, hairTask, refineTask, smartTask } from "./tasks";
import { PanTool, PinchTool, type Sample, type Tool } from "./tools/tools";
import type { Size, Viewport } from "./view/viewport";
import { Work } from "./work";

export { MAX_SIZE, MIN_SIZE } from "./settings";

/** What an editor goes on from, and what it works with. */
export interface Begun {
  history?: History<StrokeNote>;
  /** Spent before. */
  seconds?: number;
  /** The mask as it came, to compare with. */
  before?: Snapshot;
  photo?: Photo;
  solver?: Solver;
}

const FINGER = 12; // CSS pixels: how near to a point counts as on it

/** The mask editor: knows neither the framework nor the server. `onChange` is called after anything visible changed. */
export class Editor {
  settings: Settings = DEFAULTS;
  mode: ViewMode = "overlay";
  tint: Tint = "pink";
  /** True while the mask is shown as it was before. */
  comparing = false;
  /** Grows with every change of the mask. */
  revision = 0;
  /** The line that is being drawn, and where refinements apply, in photo pixels. */
  sketch: Sketch | null = null;
  selection: readonly Point[] | null = null;
  /** Why the last task came to nothing. */
  problem = "";

  readonly history: History<StrokeNote>;
  readonly photo: Photo;
  readonly camera: Camera;
  private readonly brush = new BrushCursor(this);
  private readonly before: Snapshot;
  private readonly watch: Stopwatch;
  private readonly work: Work;
  private readonly solver: Solver;
  private readonly polygon = new PolygonTool(this);
  private readonly tools: Record<ToolName, Tool<Sample>>;
  private readonly gestures: Gestures;
  private readonly steps: Steps;

  constructor(
    readonly plane: Plane,
    private readonly screen: Screen,
    private readonly onChange: () => void = () => {},
    { history = new History<StrokeNote>(plane), seconds = 0, before, photo, solver = new DirectSolver() }: Begun = {},
  ) {
    this.camera = new Camera(plane, (was) => this.moved(was));
    this.before = before ?? new Snapshot(plane);
    this.history = history;
    this.photo = photo ?? new DrawnPhoto(new Image(), plane.width, plane.height);
    this.watch = new Stopwatch(undefined, undefined, seconds);
    this.solver = solver;
    this.work = new Work(this, solver);
    const brush = new BrushTool(this);
    const line = new LineTool(this, false);
    this.tools = {
      brush,
      eraser: brush,
      edge: new EdgeTool(this),
      smart: line,
      hair: line,
      lasso: new LineTool(this, true),
      polygon: this.polygon,
      fill: new PointTool(this),
    };
    this.gestures = new Gestures({
      paint: () => this.paint,
      pan: new PanTool(this),
      pinch: new PinchTool(this),
      toPhoto: (point) => this.camera.toPhoto(point),
    });
    this.steps = new Steps(history, {
      gesturing: () => this.gesturing,
      painting: () => this.painting,
      withdraw: () => this.work.cancel() || this.polygon.back(),
      finish: () => this.finish(),
      painted: (rect) => this.painted(rect),
      acted: () => this.act(),
    });
  }

  get diameter(): number {
    return this.settings.size / this.view.scale;
  }

  get grasp(): number {
    return FINGER / this.view.scale;
  }

  get smallest(): number {
    return this.camera.smallest;
  }

  get view(): Viewport {
    return this.camera.view;
  }

  set view(view: Viewport) {
    this.camera.view = view;
  }

  /** Where the brush is, in screen pixels; null while it is nowhere. */
  get cursor(): Point | null {
    return this.brush.at;
  }

  /** True while a pointer drags the photo, whatever the tool. */
  get spaceHeld(): boolean {
    return this.brush.spaceHeld;
  }

  get gesturing(): boolean {
    return this.gestures.active;
  }

  /** The tool in hand. */
  get paint(): Tool<Sample> {
    return this.tools[this.settings.tool];
  }

  get strokes(): StrokeNote[] {
    return this.history.notes;
  }

  get seconds(): number {
    return this.watch.seconds;
  }

  get painting(): boolean {
    return this.paint.active;
  }

  /** True while an answer is being computed. */
  get busy(): boolean {
    return this.work.busy;
  }

  painted(rect: Rect): void {
    this.revision++;
    this.screen.invalidate(rect);
  }

  worked(error = ""): void {
    this.problem = error;
    this.act();
  }

  /** The mask as it is when every stroke has ended and every answer is in. */
  async mask(): Promise<Blob> {
    await this.settled();
    return encodePng(this.plane);
  }

  /** What of that mask is new since it was opened; null where this can't be told. */
  async changes(): Promise<Changes | null> {
    await this.settled();
    return changesOf(this.plane, this.before);
  }

  /** Puts another mask of the same size in place of this one, as one step that can be undone. */
  replace(plane: Plane, tool: string, more: Record<string, unknown> = {}): void {
    this.finish();
    this.work.cancel();
    replaceMask(this, plane, tool, more);
    this.act();
  }

  markSaved(): void {
    this.history.markSaved();
    this.onChange();
  }

  resize(size: Size): void {
    this.screen.resize(size);
    this.camera.resize(size);
  }

  set(changes: Partial<Settings>): void {
    this.finish();
    if (changes.tool && changes.tool !== this.settings.tool) this.polygon.abandon();
    this.settings = changed(this.settings, changes);
    this.act();
  }

  setMode(mode: ViewMode): void {
    this.mode = mode;
    this.screen.setMode(mode);
    this.act();
  }

  setTint(tint: Tint): void {
    this.tint = tint;
    this.screen.setTint(tint);
    this.act();
  }

  /** Shows the mask as it was before, or as it is. */
  compare(before: boolean): void {
    if (this.comparing === before) return;
    this.comparing = before;
    this.screen.compare(before ? this.before.plane() : null);
    this.act();
  }

  /** What a finished line does: lasso and polygon fill or select, the others ask for a computation. */
  drawn(points: Point[], at: string): void {
    const { tool, select } = this.settings;
    if (tool === "smart" || tool === "hair") {
      const task = (tool === "smart" ? smartTask : hairTask)(this, points, at);
      if (task) void this.work.start(task);
    } else if (tool === "fill") {
      const task = fillTask(this, points[0], at);
      if (task) void this.work.start(task);
    } else if (select) {
      this.selection = points.length > 2 ? points : null;
    } else fillOutline(this, points, at);
    this.act();
  }

  /** Grows, shrinks, feathers or smooths the mask, or what is selected of it, by `settings.amount` photo pixels. */
  refine(how: Refinement): void {
    this.finish();
    void this.work.start(refineTask(this.plane, how, this.settings.amount, this.selection));
  }

  deselect(): void {
    this.selection = null;
    this.act();
  }

  /** Ends what is under way without a trace: a stroke, an answer, an outline, a selection. False when nothing was. */
  escape(): boolean {
    const { polygon } = this;
    if (this.paint.active) this.paint.cancel();
    else if (this.work.cancel() || polygon.open) polygon.abandon();
    else if (this.selection) this.selection = null;
    else return false;
    this.act();
    return true;
  }

  /** Takes the last step back; while an answer is on its way or a polygon open, that is what is taken back. */
  undo(): Promise<boolean> {
    return this.steps.undo();
  }

  redo(): Promise<boolean> {
    return this.steps.redo();
  }

  fit(): void {
    this.camera.fit();
    this.act();
  }

  zoom(factor: number, centre: Point = this.camera.centre): void {
    this.camera.zoom(factor, centre);
    this.act();
  }

  scroll(dx: number, dy: number): void {
    this.camera.scroll(dx, dy);
    this.act();
  }

  pointerDown(contact: Contact, panning: boolean): void {
    this.paint.cancel();
    this.gestures.down(contact, panning || this.spaceHeld);
    this.pointerHover(contact);
  }

  /** Paints on, or moves the photo; what shows of it comes with the next frame. */
  pointerPaint(contact: Contact): void {
    this.gestures.move(contact);
  }

  pointerMove(contact: Contact): void {
    this.gestures.move(contact);
    this.pointerHover(contact);
  }

  /** Shows where the pointer is. */
  pointerHover(contact: Contact): void {
    this.brush.hover(contact);
    this.act();
  }

  pointerUp(id: number): void {
    this.gestures.up(id);
    this.ended();
  }

  pointerCancel(id: number): void {
    this.gestures.cancel(id);
    this.ended();
  }

  pointerLeave(): void {
    this.brush.leave();
    this.onChange();
  }

  /** Shows the brush that keys move. */
  showCursor(): void {
    this.brush.show();
    this.onChange();
  }

  moveCursor(dx: number, dy: number): void {
    this.brush.move(dx, dy);
    this.act();
  }

  /** What a click at the brush does: a dab, a corner, a fill. */
  dab(): void {
    if (this.gesturing) return;
    this.brush.press();
    this.finish();
    this.act();
  }

  /** Closes the polygon that is being drawn. */
  close(): void {
    this.polygon.close();
    this.act();
  }

  spaceDown(): void {
    this.brush.spaceDown();
    this.act();
  }

  spaceUp(): void {
    this.brush.spaceHeld = false;
    if (!this.gesturing) this.finish();
    this.act();
  }

  destroy(): void {
    this.work.cancel();
    this.solver.destroy();
    this.screen.destroy();
  }

  private async settled(): Promise<void> {
    this.finish();
    await this.work.settled();
  }

  private finish(): void {
    this.paint.complete();
    this.work.deliver();
  }

  private ended(): void {
    this.work.deliver();
    this.act();
  }

  private moved(before: Viewport): void {
    this.brush.follow(before);
    this.screen.setView(this.view);
    this.onChange();
  }

  private act(): void {
    this.watch.tick();
    this.onChange();
  }
}
