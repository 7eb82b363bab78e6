import { maskPixels, overlayPixels, stickerPixels, TINTS, type Tint } from "./compositing";
import { intersect, isEmpty, unite, type Plane, type Rect } from "../tools/kernels";
import type { Drawable } from "../photo";
import { rectToScreen, type Size, type Viewport } from "./viewport";

/** The cut-away part tinted, the cut-out alone, or the mask in black and white. */
export type ViewMode = "overlay" | "sticker" | "mask";

/** What the editor needs of a screen. */
export interface Screen {
  resize(size: Size): void;
  setView(view: Viewport): void;
  setMode(mode: ViewMode): void;
  setTint(tint: Tint): void;
  /** Shows another mask in place of the one being edited; null shows that one again. */
  compare(plane: Plane | null): void;
  /** Marks a part of the photo as changed. */
  invalidate(rect: Rect): void;
  destroy(): void;
}

/**
 * Draws photo and mask at the screen's resolution, so memory depends on the screen and not on the photo. The photo is
 * drawn once per view; while painting only the rectangle that changed is composed again, at most once a frame.
 */
export class Renderer implements Screen {
  private readonly context: CanvasRenderingContext2D;
  private readonly photoLayer = document.createElement("canvas");
  private readonly maskLayer = document.createElement("canvas");
  private readonly ratio = Math.min(window.devicePixelRatio || 1, 2);
  private view: Viewport = { scale: 1, x: 0, y: 0 };
  private mode: ViewMode = "overlay";
  private tint: Tint = "pink";
  private other: Plane | null = null;
  private moved = true;
  private dirty: Rect | null = null;
  private frame = 0;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly photo: Drawable,
    private readonly plane: Plane,
  ) {
    const context = canvas.getContext("2d");
    if (!context) throw new Error("This browser cannot draw on a canvas. Please try another one.");
    this.context = context;
  }

  resize(size: Size): void {
    for (const layer of [this.canvas, this.photoLayer, this.maskLayer]) {
      layer.width = Math.max(1, Math.round(size.width * this.ratio));
      layer.height = Math.max(1, Math.round(size.height * this.ratio));
    }
    this.redraw();
  }

  setView(view: Viewport): void {
    this.view = { scale: view.scale * this.ratio, x: view.x * this.ratio, y: view.y * this.ratio };
    this.redraw();
  }

  setMode(mode: ViewMode): void {
    this.mode = mode;
    this.redraw();
  }

  setTint(tint: Tint): void {
    this.tint = tint;
    this.redraw();
  }

  compare(plane: Plane | null): void {
    this.other = plane;
    this.redraw();
  }

  invalidate(rect: Rect): void {
    if (isEmpty(rect)) return;
    this.dirty = unite(this.dirty, rect);
    this.schedule();
  }

  destroy(): void {
    cancelAnimationFrame(this.frame);
    for (const layer of [this.photoLayer, this.maskLayer]) layer.width = layer.height = 0;
  }

  redraw(): void {
    this.moved = true;
    this.schedule();
  }

  private schedule(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  private draw(): void {
    const whole = { left: 0, top: 0, right: this.canvas.width, bottom: this.canvas.height };
    if (this.moved) {
      this.drawPhoto();
      this.compose(whole);
    } else if (this.dirty) {
      const part = rectToScreen(this.view, this.dirty);
      this.compose(
        intersect(whole, {
          left: Math.floor(part.left) - 1,
          top: Math.floor(part.top) - 1,
          right: Math.ceil(part.right) + 2,
          bottom: Math.ceil(part.bottom) + 2,
        }),
      );
    }
    this.moved = false;
    this.dirty = null;
  }

  private drawPhoto(): void {
    const context = this.photoLayer.getContext("2d")!;
    const { scale, x, y } = this.view;
    context.clearRect(0, 0, this.photoLayer.width, this.photoLayer.height);
    this.photo.draw(context, x, y, scale);
  }

  private compose(rect: Rect): void {
    if (isEmpty(rect)) return;
    const width = rect.right - rect.left;
    const height = rect.bottom - rect.top;
    const pixels = new ImageData(width, height);
    this.paint(rect, new Uint32Array(pixels.data.buffer));
    this.maskLayer.getContext("2d")!.putImageData(pixels, rect.left, rect.top);

    const context = this.context;
    const copy = (layer: HTMLCanvasElement) =>
      context.drawImage(layer, rect.left, rect.top, width, height, rect.left, rect.top, width, height);
    context.save();
    context.beginPath();
    context.rect(rect.left, rect.top, width, height);
    context.clip();
    context.clearRect(rect.left, rect.top, width, height);
    copy(this.photoLayer);
    if (this.mode === "sticker") context.globalCompositeOperation = "destination-in";
    copy(this.maskLayer);
    context.restore();
  }
  private paint(rect: Rect, out: Uint32Array): void {
    const plane = this.other ?? this.plane;
    if (this.mode === "overlay") overlayPixels(plane, this.view, rect, out, TINTS[this.tint]);
    else if (this.mode === "mask") maskPixels(plane, this.view, rect, out);
    else stickerPixels(plane, this.view, rect, out);
  }
}
