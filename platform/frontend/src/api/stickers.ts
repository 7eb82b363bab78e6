import { get, post, postForFile } from "./client";
import type { Sticker, Style, Target } from "./types";

/** How a sticker is to be; `subject` is "all", "largest" or a point of the photo as "x,y", 0 to 1 each. */
export interface Wish {
  style: Style;
  subject: string;
}

/** The stickers of photos that are there already, as these are masked now. */
export const listStickers = (photos: string[], target: Target) =>
  get<Sticker[]>(
    `/api/v1/stickers/?${new URLSearchParams([["target", target], ...photos.map((id) => ["photo", id])])}`,
  );

/** The very file that a fix with this mask would make; nothing is kept. */
export function previewSticker(photo: string, mask: Blob, style: Style, signal?: AbortSignal): Promise<Blob> {
  const form = new FormData();
  form.append("photo", photo);
  form.append("mask", mask, "mask.png");
  form.append("style", JSON.stringify(style));
  return postForFile("/api/v1/stickers/preview/", form, { signal });
}

export const makeSticker = (photo: string, wish: Wish, target: Target, signal?: AbortSignal) =>
  post<Sticker>("/api/v1/stickers/", { photo, ...wish, target }, { signal });
