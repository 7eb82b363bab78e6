/** A mask told by what changed of the one it was begun on: a small fix of a large mask is small on the wire. */
import { createPlane, type Plane } from "./tools/kernels";
import { decodePng, encodePng } from "./png";
import type { Snapshot } from "./view/snapshot";

export interface Changes {
  /** A PNG of a rectangle: what each pixel gained, modulo 256. */
  png: ArrayBuffer;
  /** Where the rectangle lies in the photo. */
  left: number;
  top: number;
  /** Of the whole mask's pixels, row by row. */
  sha256: string;
}

/** What `plane` has that `before` had not. Null where the browser gives pages no digests, as without a secure address. */
export async function changesOf(plane: Plane, before: Snapshot): Promise<Changes | null> {
  if (!globalThis.crypto?.subtle) return null;
  const digest = sha256(plane); // of the pixels as they are at this moment, as is the difference
  const rect = before.changed(plane);
  const png = encodePng(rect ? before.difference(plane, rect) : createPlane(1, 1));
  return { png: await (await png).arrayBuffer(), left: rect?.left ?? 0, top: rect?.top ?? 0, sha256: await digest };
}

/** The mask that the changes make of the PNG of the one before. */
export async function changedPlane(before: ArrayBuffer, { png, left, top }: Changes): Promise<Plane> {
  const [plane, difference] = await Promise.all([decodePng(before), decodePng(png)]);
  const right = left + difference.width;
  if (right > plane.width || top + difference.height > plane.height) throw new RangeError("The changes are damaged.");
  for (let y = 0, at = 0; y < difference.height; y++) {
    const row = (top + y) * plane.width;
    for (let i = row + left; i < row + right; i++, at++) plane.data[i] = (plane.data[i] + difference.data[at]) & 255;
  }
  return plane;
}

export async function sha256({ data }: Plane): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", data as Uint8ClampedArray<ArrayBuffer>);
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
