import { get, getFile, patch, post, put, remove } from "./client";
import type { Pack, PackDetail, Style, Target } from "./types";

/** A sticker that is to be in a pack, as it is asked for. */
export interface Chosen {
  photo: string;
  style: Style;
  subject: string;
}

export const listPacks = () => get<Pack[]>("/api/v1/packs/");
export const readPack = (id: string) => get<PackDetail>(`/api/v1/packs/${id}/`);
export const createPack = (pack: { name: string; author: string; stickers: Chosen[] }) =>
  post<PackDetail>("/api/v1/packs/", pack);
export const changePack = (id: string, changed: { name?: string; author?: string; tray?: string }) =>
  patch<PackDetail>(`/api/v1/packs/${id}/`, changed);
export const deletePack = (id: string) => remove<null>(`/api/v1/packs/${id}/`);

export const addToPack = (id: string, stickers: Chosen[]) =>
  post<PackDetail>(`/api/v1/packs/${id}/stickers/`, { stickers });
export const changeSticker = (id: string, sticker: string, changed: { emojis?: string[]; alt?: string }) =>
  patch<PackDetail>(`/api/v1/packs/${id}/stickers/${sticker}/`, changed);
export const removeSticker = (id: string, sticker: string) =>
  remove<PackDetail>(`/api/v1/packs/${id}/stickers/${sticker}/`);
export const orderPack = (id: string, stickers: string[]) =>
  put<PackDetail>(`/api/v1/packs/${id}/order/`, { stickers });

/** The pack as a file: a `.wastickers` for WhatsApp, a zip for others. */
export const exportPack = (id: string, target: Target, signal?: AbortSignal) =>
  getFile(`/api/v1/packs/${id}/export/?${new URLSearchParams({ target })}`, { signal });
