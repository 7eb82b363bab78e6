import { post } from "./client";
import type { Sticker, Target } from "./types";

export const makeSticker = (photo: string, outline: boolean, target: Target, signal?: AbortSignal) =>
  post<Sticker>("/api/v1/stickers/", { photo, outline, target }, { signal });
