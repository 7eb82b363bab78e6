import { get, pathOf, post, remove } from "./client";
import type { MarkedCorrection, Page, Quarantine, Trust } from "./types";

/** Everybody who corrected a photo that may be learned from, the least trusted first. */
export const listTrust = (url = "/api/v1/trust/") => get<Page<Trust>>(pathOf(url));
export const listCorrectionsOf = (url: string) => get<Page<MarkedCorrection>>(pathOf(url));
export const quarantine = (author: string, reason: string) =>
  post<Quarantine>(`/api/v1/trust/${author}/quarantine/`, { reason });
export const liftQuarantine = (author: string) => remove<Quarantine>(`/api/v1/trust/${author}/quarantine/`);
