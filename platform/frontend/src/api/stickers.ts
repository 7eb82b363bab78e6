import { post } from "./client";
import type { Sticker, Target } from "./types";

/** How a sticker is to be; `subject` is "all", "largest" or a point of the photo as "x,y", 0 to 1 each. */
export interface Wish {
  outline: boolean;
  subject: string;
}

export const makeSticker = (photo: string, wish: Wish, target: Target, signal?: AbortSignal) =>
  post<Sticker>("/api/v1/stickers/", { photo, ...wish, target }, { signal });
