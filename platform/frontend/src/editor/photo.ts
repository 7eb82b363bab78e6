import type { Rect } from "./kernels";

/** The photo's colours, read part by part: a whole photo of 16 megapixels would be 64 MB. */
export interface Photo {
  readonly width: number;
  readonly height: number;
  /** A part of the photo at another size, 4 bytes a pixel. The part lies inside the photo. */
  read(rect: Rect, width: number, height: number): Uint8ClampedArray;
}

/** Reads from anything a canvas can draw. */
export class DrawnPhoto implements Photo {
  private context: CanvasRenderingContext2D | null = null;

  constructor(
    private readonly source: CanvasImageSource,
    readonly width: number,
    readonly height: number,
  ) {}

  read(rect: Rect, width: number, height: number): Uint8ClampedArray {
    this.context ??= document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    if (!this.context) throw new Error("This browser cannot draw on a canvas. Please try another one.");
    const { canvas } = this.context;
    if (canvas.width < width) canvas.width = width;
    if (canvas.height < height) canvas.height = height;
    const { left, top, right, bottom } = rect;
    this.context.imageSmoothingQuality = "medium";
    this.context.globalCompositeOperation = "copy";
    this.context.drawImage(this.source, left, top, right - left, bottom - top, 0, 0, width, height);
    return this.context.getImageData(0, 0, width, height).data;
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
