import type { Camera } from "./camera";
import type { Contact } from "./gestures";
import type { Point } from "../tools/kernels";
import type { Sample, Tool } from "../tools/tools";
import { toPhoto, toScreen, type Size, type Viewport } from "./viewport";

export interface CursorTarget {
  readonly plane: Size;
  readonly camera: Camera;
  /** The tool in hand. */
  readonly paint: Tool<Sample>;
  /** True while a pointer holds a tool. */
  readonly gesturing: boolean;
}

/** Where the brush is: below a pointer, or where the keys have brought it, which then paint with it. */
export class BrushCursor {
  /** In screen pixels; null while it is nowhere. */
  at: Point | null = null;
  /** True while Space makes a pointer drag the photo. */
  spaceHeld = false;
  private hovering = false;

  constructor(private readonly target: CursorTarget) {}

  hover({ kind, at }: Contact): void {
    this.hovering = kind !== "touch";
    this.at = this.hovering || this.target.paint.active ? at : null;
  }

  leave(): void {
    this.hovering = false;
    if (!this.target.gesturing) this.at = null;
  }

  show(): void {
    this.at ??= this.target.camera.centre;
  }

  /** By screen pixels, without a pointer; paints on its way while Space is held. */
  move(dx: number, dy: number): void {
    const { camera, plane, paint } = this.target;
    this.hovering = false;
    const from = this.at ?? camera.centre;
    const to = camera.toPhoto({ x: from.x + dx, y: from.y + dy });
    const inside = { x: Math.min(Math.max(to.x, 0), plane.width), y: Math.min(Math.max(to.y, 0), plane.height) };
    camera.reveal(toScreen(camera.view, inside));
    this.at = toScreen(camera.view, inside);
    if (paint.active) paint.move(inside);
  }

  /** The tool in hand begins where the brush is. */
  press(): void {
    this.show();
    this.target.paint.begin(this.target.camera.toPhoto(this.at!));
  }

  /** Space drags the photo while a pointer is over it, and paints at the keyboard's brush otherwise. */
  spaceDown(): void {
    if (this.target.gesturing || this.target.paint.active) return;
    if (this.hovering) this.spaceHeld = true;
    else this.press();
  }

  /** A brush that no pointer holds stays where it is on the photo when that moves. */
  follow(before: Viewport): void {
    if (!this.at || this.hovering || this.target.gesturing) return;
    this.at = toScreen(this.target.camera.view, toPhoto(before, this.at));
  }
}
