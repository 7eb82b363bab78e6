import { get, pathOf, post, remove, upload } from "./client";
import type { DeletedPhoto, Page, Photo } from "./types";

export const listPhotos = (url = "/api/v1/photos/") => get<Page<Photo>>(pathOf(url));
export const readPhoto = (id: string) => get<Photo>(`/api/v1/photos/${id}/`);
/** For good, and at once. */
export const deletePhoto = (id: string) => remove<DeletedPhoto>(`/api/v1/photos/${id}/`);
/** Out of sight at once, gone for good after a quarter of an hour: until then `restorePhoto` brings it back. */
export const trashPhoto = (id: string) => remove<DeletedPhoto>(`/api/v1/photos/${id}/?undo=1`);
export const restorePhoto = (id: string) => post<Photo>(`/api/v1/photos/${id}/restore/`);
/** Consented photos nobody has corrected yet, the most uncertain first. */
export const listPhotosToCorrect = (url = "/api/v1/queue/correct/") => get<Page<Photo>>(pathOf(url));

/** `id` is made here, so that sending the same photo again answers the same photo. */
export function sendPhoto(id: string, file: File, onProgress: (share: number) => void, signal?: AbortSignal) {
  const form = new FormData();
  form.append("id", id);
  form.append("image", file, file.name || "photo");
  return upload<Photo>("/api/v1/photos/", form, onProgress, signal);
}
