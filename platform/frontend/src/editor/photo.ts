import type { Rect } from "./tools/kernels";

/** The photo's colours, read part by part: a whole photo of 16 megapixels would be 64 MB. */
export interface Photo {
  readonly width: number;
  readonly height: number;
  /** A part of the photo at another size, 4 bytes a pixel. The part lies inside the photo. */
  read(rect: Rect, width: number, height: number): Uint8ClampedArray;
}

/** A photo that can be drawn as well. */
export interface Drawable extends Photo {
  /** Draws the whole photo with its corner at (x, y), `scale` times as large. */
  draw(context: CanvasRenderingContext2D, x: number, y: number, scale: number): void;
}

const SMALL = 2048; // longest side of the smaller copy

/**
 * Draws and reads a decoded picture. Browsers may decode a large picture anew whenever it is drawn, and scaling one
 * down takes long: `prepare` makes a copy that stays decoded and a smaller one for everything that needs no more.
 */
export class DrawnPhoto implements Drawable {
  private source: CanvasImageSource;
  private small: ImageBitmap | null = null;
  private closed = false;
  private context: CanvasRenderingContext2D | null = null;

  constructor(
    image: CanvasImageSource,
    readonly width: number,
    readonly height: number,
  ) {
    this.source = image;
  }

  async prepare(): Promise<void> {
    if (typeof createImageBitmap === "undefined") return;
    const file = await this.file();
    const shrink = SMALL / Math.max(this.width, this.height);
    if (shrink <= 0.75) {
      this.small = await createImageBitmap(file, {
        resizeWidth: Math.round(this.width * shrink),
        resizeHeight: Math.round(this.height * shrink),
        resizeQuality: "medium",
      });
    }
    this.source = await createImageBitmap(file);
    if (this.closed) this.close();
  }

  draw(context: CanvasRenderingContext2D, x: number, y: number, scale: number): void {
    context.imageSmoothingEnabled = scale < 4;
    context.imageSmoothingQuality = this.small ? "medium" : "low";
    context.drawImage(this.bestFor(scale), x, y, this.width * scale, this.height * scale);
  }

  read({ left, top, right, bottom }: Rect, width: number, height: number): Uint8ClampedArray {
    this.context ??= document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    if (!this.context) throw new Error("This browser cannot draw on a canvas. Please try another one.");
    const { canvas } = this.context;
    if (canvas.width < width) canvas.width = width;
    if (canvas.height < height) canvas.height = height;
    const source = this.bestFor(width / (right - left));
    const factor = source === this.small ? this.small.width / this.width : 1;
    this.context.imageSmoothingQuality = "low";
    this.context.globalCompositeOperation = "copy";
    this.context.drawImage(
      source,
      left * factor,
      top * factor,
      (right - left) * factor,
      (bottom - top) * factor,
      0,
      0,
      width,
      height,
    );
    return this.context.getImageData(0, 0, width, height).data;
  }

  close(): void {
    this.closed = true;
    this.small?.close();
    if (typeof ImageBitmap !== "undefined" && this.source instanceof ImageBitmap) this.source.close();
  }

  /** A file is decoded beside the page's own thread, a picture that the page shows is not. */
  private async file(): Promise<ImageBitmapSource> {
    const { source } = this;
    if (!(source instanceof HTMLImageElement) || !source.src) return source as ImageBitmapSource;
    try {
      return await (await fetch(source.src, { cache: "force-cache" })).blob();
    } catch {
      return source;
    }
  }

  private bestFor(scale: number): CanvasImageSource {
    return this.small && scale <= this.small.width / this.width ? this.small : this.source;
  }
}

/** Reads from pixels in memory, 4 bytes each. */
export class PixelPhoto implements Photo {
  constructor(
    readonly width: number,
    readonly height: number,
    private readonly rgba: Uint8ClampedArray,
  ) {}

  read(rect: Rect, width: number, height: number): Uint8ClampedArray {
    const out = new Uint8ClampedArray(4 * width * height);
    const [stepX, stepY] = [(rect.right - rect.left) / width, (rect.bottom - rect.top) / height];
    for (let y = 0; y < height; y++) {
      const row = (rect.top + Math.floor((y + 0.5) * stepY)) * this.width;
      for (let x = 0; x < width; x++) {
        const from = 4 * (row + rect.left + Math.floor((x + 0.5) * stepX));
        out.set(this.rgba.subarray(from, from + 4), 4 * (y * width + x));
      }
    }
    return out;
  }
}
