/** Masks and cut-outs as files: into the editor, and out of it. */
import { createPlane, resample, type Plane } from "./tools/kernels";
import { decodePng, PngError } from "./png";
import type { Size } from "./view/viewport";

/**
 * The mask in a file made elsewhere: its transparency if it has any, else its grey. Greyscale of 8 bits is taken byte for
 * byte. These are the rules of the server's reader (segmentation/mask/exchange.py), which can't be asked without a connection;
 * this one takes whatever picture the browser decodes, and 16 bits as the browser rounds them. The person sees what was
 * read. Raises PngError with a sentence for people.
 */
export async function readMaskFile(file: Blob, size: Size): Promise<Plane> {
  const plane = await decodeAny(file);
  if (plane.width !== size.width || plane.height !== size.height) {
    const sizes = `The mask has ${plane.width} × ${plane.height} pixels, the photo ${size.width} × ${size.height}.`;
    throw new PngError(`${sizes} Choose one of the photo's size.`);
  }
  if (plane.data.every((alpha) => alpha === 0)) throw new PngError("This mask is empty. Choose one with a subject.");
  return plane;
}

async function decodeAny(file: Blob): Promise<Plane> {
  try {
    return await decodePng(await file.arrayBuffer());
  } catch (error) {
    if (!(error instanceof PngError)) throw error;
  }
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file, { premultiplyAlpha: "none", colorSpaceConversion: "none" });
  } catch (error) {
    throw new PngError("This file is no picture. A mask is a PNG, white where the subject is.", { cause: error });
  }
  const pixels = pixelsOf(bitmap, bitmap);
  const plane = createPlane(bitmap.width, bitmap.height);
  const channel = isTransparent(pixels) ? 3 : 0;
  if (channel === 0 && !isGrey(pixels)) {
    throw new PngError("This picture has colours and nothing transparent. A mask is greyscale, or transparent.");
  }
  for (let i = 0; i < plane.data.length; i++) plane.data[i] = pixels[4 * i + channel];
  return plane;
}

function isTransparent(pixels: Uint8ClampedArray): boolean {
  for (let i = 3; i < pixels.length; i += 4) if (pixels[i] < 255) return true;
  return false;
}

function isGrey(pixels: Uint8ClampedArray): boolean {
  for (let i = 0; i < pixels.length; i += 4) {
    if (pixels[i] !== pixels[i + 1] || pixels[i] !== pixels[i + 2]) return false;
  }
  return true;
}

/** The photo cut with the mask, at its own size, as a PNG. */
export async function cutoutPng(image: HTMLImageElement, plane: Plane): Promise<Blob> {
  const canvas = cut(image, plane);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!blob) throw new Error("The cut-out is too large for this browser.");
  return blob;
}

/** Draws the photo cut with the mask, `side` pixels at most. */
export function drawCut(canvas: HTMLCanvasElement, image: HTMLImageElement, plane: Plane, side: number): void {
  const factor = Math.min(1, side / Math.max(plane.width, plane.height));
  const small = resample(plane, Math.max(1, plane.width * factor) | 0, Math.max(1, plane.height * factor) | 0);
  cut(image, small, canvas);
}

export function saveFile(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** `cat_mask.png` for cat.jpg and "mask.png". */
export function fileName(photo: string, kind: string): string {
  return `${photo.replace(/\.[^.]*$/, "") || "photo"}_${kind}`;
}

function cut(image: HTMLImageElement, plane: Plane, canvas = document.createElement("canvas")): HTMLCanvasElement {
  const pixels = new ImageData(pixelsOf(image, plane), plane.width, plane.height);
  for (let i = 0; i < plane.data.length; i++) pixels.data[4 * i + 3] = plane.data[i];
  canvas.width = plane.width;
  canvas.height = plane.height;
  canvas.getContext("2d")!.putImageData(pixels, 0, 0);
  return canvas;
}

function pixelsOf(source: CanvasImageSource, { width, height }: Size): Uint8ClampedArray<ArrayBuffer> {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.drawImage(source, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}
