import { listStickers, makeSticker, type Wish } from "../api/stickers";
import type { Photo, Sticker, Target } from "../api/types";
import { sameLook } from "./look";

/** What the page shows: as large as a messenger shows it. The PNG at full size is made when it is downloaded. */
export const SHOWN: Target = "telegram";

interface Known {
  mask: string;
  stickers: Sticker[];
}

const known = new Map<string, Known>();

/** Which mask a photo's sticker is cut with. */
export function maskOf({ correction, prediction }: Photo): string {
  return correction ? `${correction.id}/${correction.version}` : (prediction?.id ?? "");
}

/** The sticker that is there already, so that none need be made. */
export function knownSticker(photo: Photo, wish: Wish): Sticker | undefined {
  const found = known.get(photo.id);
  if (found?.mask !== maskOf(photo)) return undefined;
  // A fix is shown as it was painted, whichever subject is chosen.
  return found.stickers.find(
    ({ style, subject }) => sameLook(style, wish.style) && (photo.correction || subject === wish.subject),
  );
}

/** Learns which stickers photos have, in one call. */
export async function lookForStickers(photos: Photo[]): Promise<void> {
  const asked = photos.filter((photo) => known.get(photo.id)?.mask !== maskOf(photo));
  if (!asked.length) return;
  const stickers = await listStickers(
    asked.map(({ id }) => id),
    SHOWN,
  );
  for (const photo of asked)
    known.set(photo.id, { mask: maskOf(photo), stickers: stickers.filter((sticker) => sticker.photo === photo.id) });
}

/** Makes the sticker that is shown, and remembers it. */
export async function makeShown(photo: Photo, wish: Wish, signal: AbortSignal): Promise<Sticker> {
  const sticker = await makeSticker(photo.id, wish, SHOWN, signal);
  const mask = maskOf(photo);
  const before = known.get(photo.id);
  const others = before?.mask === mask ? before.stickers.filter(({ id }) => id !== sticker.id) : [];
  known.set(photo.id, { mask, stickers: [sticker, ...others] });
  return sticker;
}

export function forgetStickers(photo: string): void {
  known.delete(photo);
}
