import { get, post, put } from "./client";
import type { Session } from "./types";

export const readSession = () => get<Session>("/api/v1/session/");
export const login = (username: string, password: string) =>
  post<Session>("/api/v1/session/login/", { username, password });
export const logout = () => post<Session>("/api/v1/session/logout/");
/** About one photo alone. */
export const giveConsentTo = (photo: string, consent: boolean) =>
  put<Session>(`/api/v1/photos/${photo}/consent/`, { consent });
/** About all photos, those to come included. */
export const giveConsent = (consent: boolean) => put<Session>("/api/v1/session/consent/", { consent });
