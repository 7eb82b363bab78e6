import { Gestures, type Contact } from "./gestures";
import { History } from "./history";
import type { Plane, Point, Rect } from "./kernels";
import { changedTiles } from "./merge";
import { encodePng } from "./png";
import type { Screen, ViewMode } from "./renderer";
import { Stopwatch } from "./stopwatch";
import type { PaintKind, StrokeNote } from "./stroke";
import { readTile } from "./tiles";
import { PaintTool, PanTool, PinchTool } from "./tools";
import { fit, keepInSight, pan, toPhoto, toScreen, zoomAt, type Size, type Viewport } from "./viewport";

export const MIN_SIZE = 4;
export const MAX_SIZE = 160;

/** What an editor goes on from. */
export interface Begun {
  history?: History<StrokeNote>;
  /** Spent before. */
  seconds?: number;
}

/** The mask editor: knows neither the framework nor the server. `onChange` is called after anything visible changed. */
export class Editor {
  kind: PaintKind = "brush";
  /** The brush's diameter on the screen, in CSS pixels: zoom in to paint finer. */
  size = 36;
  mode: ViewMode = "overlay";
  /** Where the brush is, in screen pixels; null while it is nowhere. */
  cursor: Point | null = null;
  spaceHeld = false;

  readonly history: History<StrokeNote>;
  private readonly watch: Stopwatch;
  private readonly paint = new PaintTool(this);
  private readonly gestures: Gestures;
  private screenSize: Size = { width: 1, height: 1 };
  private current: Viewport = { scale: 1, x: 0, y: 0 };
  private fitted = true;
  private hovering = false;

  constructor(
    readonly plane: Plane,
    private readonly screen: Screen,
    private readonly onChange: () => void = () => {},
    { history = new History<StrokeNote>(plane), seconds = 0 }: Begun = {},
  ) {
    this.history = history;
    this.watch = new Stopwatch(undefined, undefined, seconds);
    this.gestures = new Gestures({
      paint: this.paint,
      pan: new PanTool(this),
      pinch: new PinchTool(this),
      toPhoto: (point) => toPhoto(this.current, point),
    });
  }

  get diameter(): number {
    return this.size / this.current.scale;
  }

  get smallest(): number {
    return Math.min(0.5, fit(this.plane, this.screenSize).scale / 2);
  }

  get view(): Viewport {
    return this.current;
  }

  set view(view: Viewport) {
    this.fitted = false;
    this.show(view);
  }

  get strokes(): StrokeNote[] {
    return this.history.notes;
  }

  get seconds(): number {
    return this.watch.seconds;
  }

  painted(rect: Rect): void {
    this.screen.invalidate(rect);
  }

  mask(): Promise<Blob> {
    this.paint.complete();
    return encodePng(this.plane);
  }

  /** Puts another mask of the same size in place of this one, as one step that can be undone. */
  replace(plane: Plane, tool: string, more: Record<string, unknown> = {}): void {
    this.paint.complete();
    const tiles = new Map([...changedTiles(this.plane, plane)].map((index) => [index, readTile(this.plane, index)]));
    if (!tiles.size) return;
    const at = new Date().toISOString();
    this.plane.data.set(plane.data);
    this.history.commit({ tiles, note: { tool, at, ...more } });
    this.screen.invalidate({ left: 0, top: 0, right: plane.width, bottom: plane.height });
    this.act();
  }

  markSaved(): void {
    this.history.markSaved();
    this.onChange();
  }

  resize(size: Size): void {
    this.screenSize = size;
    this.screen.resize(size);
    if (this.fitted) this.fit();
    else this.show(this.current);
  }

  setKind(kind: PaintKind): void {
    this.paint.complete();
    this.kind = kind;
    this.act();
  }

  setSize(size: number): void {
    this.size = Math.round(Math.min(MAX_SIZE, Math.max(MIN_SIZE, size)));
    this.act();
  }

  setMode(mode: ViewMode): void {
    this.mode = mode;
    this.screen.setMode(mode);
    this.act();
  }

  /** Answers whether there was something to undo. Older strokes may have to be read back first. */
  undo(): Promise<boolean> {
    return this.restore("undo");
  }

  redo(): Promise<boolean> {
    return this.restore("redo");
  }

  fit(): void {
    this.show(fit(this.plane, this.screenSize));
    this.fitted = true;
    this.act();
  }

  zoom(factor: number, centre: Point = { x: this.screenSize.width / 2, y: this.screenSize.height / 2 }): void {
    this.view = zoomAt(this.current, factor, centre, this.smallest);
    this.act();
  }

  scroll(dx: number, dy: number): void {
    this.view = pan(this.current, -dx, -dy);
    this.act();
  }

  pointerDown(contact: Contact, panning: boolean): void {
    this.paint.cancel();
    this.gestures.down(contact, panning || this.spaceHeld);
    this.hover(contact);
  }

  pointerMove(contact: Contact): void {
    this.gestures.move(contact);
    this.hover(contact);
  }

  pointerUp(id: number): void {
    this.gestures.up(id);
    this.act();
  }

  pointerCancel(id: number): void {
    this.gestures.cancel(id);
    this.act();
  }

  pointerLeave(): void {
    this.hovering = false;
    if (!this.gestures.active) this.cursor = null;
    this.onChange();
  }

  /** Moves the brush without a pointer, by screen pixels, and paints on its way while Space is held. */
  moveCursor(dx: number, dy: number): void {
    this.hovering = false;
    const from = this.cursor ?? this.centre();
    const target = toPhoto(this.current, { x: from.x + dx, y: from.y + dy });
    const inside = {
      x: Math.min(Math.max(target.x, 0), this.plane.width),
      y: Math.min(Math.max(target.y, 0), this.plane.height),
    };
    this.reveal(inside);
    this.cursor = toScreen(this.current, inside);
    if (this.paint.active) this.paint.move(inside);
    this.act();
  }

  dab(): void {
    if (this.gestures.active) return;
    this.cursor ??= this.centre();
    this.paint.begin(toPhoto(this.current, this.cursor));
    this.paint.complete();
    this.act();
  }

  /** Space drags the photo while a pointer is over it, and paints at the keyboard's brush otherwise. */
  spaceDown(): void {
    if (this.gestures.active || this.paint.active) return;
    if (this.hovering) this.spaceHeld = true;
    else {
      this.cursor ??= this.centre();
      this.paint.begin(toPhoto(this.current, this.cursor));
    }
    this.act();
  }

  spaceUp(): void {
    this.spaceHeld = false;
    if (!this.gestures.active) this.paint.complete();
    this.act();
  }

  destroy(): void {
    this.screen.destroy();
  }

  private async restore(way: "undo" | "redo"): Promise<boolean> {
    if (this.gestures.active) return false;
    this.paint.complete();
    if (!this.history.ready(way)) {
      await this.history.recall(way);
      if (this.gestures.active || this.paint.active) return false; // painting has begun meanwhile
    }
    const rect = this.history[way]();
    if (rect) this.screen.invalidate(rect);
    this.act();
    return rect !== null;
  }

  private show(view: Viewport): void {
    this.current = keepInSight(view, this.plane, this.screenSize);
    this.screen.setView(this.current);
    this.onChange();
  }

  private hover(contact: Contact): void {
    this.hovering = contact.kind !== "touch";
    this.cursor = this.hovering || this.paint.active ? contact.at : null;
    this.act();
  }

  private reveal(point: Point): void {
    const at = toScreen(this.current, point);
    const edge = 24;
    const dx = Math.max(0, edge - at.x) + Math.min(0, this.screenSize.width - edge - at.x);
    const dy = Math.max(0, edge - at.y) + Math.min(0, this.screenSize.height - edge - at.y);
    if (dx || dy) this.view = pan(this.current, dx, dy);
  }

  private centre(): Point {
    return { x: this.screenSize.width / 2, y: this.screenSize.height / 2 };
  }

  private act(): void {
    this.watch.tick();
    this.onChange();
  }
}
