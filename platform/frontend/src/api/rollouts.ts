import { get, pathOf, post } from "./client";
import type { Page, Rollout, ShadowAnswer } from "./types";

/** Rollouts, newest first; the first may be under way. */
export const listRollouts = (url = "/api/v1/releases/rollouts/") => get<Page<Rollout>>(pathOf(url));
/** Live photos that the challenger would have cut otherwise, the most different first. */
export const listShadow = (rollout: string) => get<Page<ShadowAnswer>>(`/api/v1/releases/rollouts/${rollout}/shadow/`);
export const endRollout = (rollout: string) => post<Rollout>(`/api/v1/releases/rollouts/${rollout}/end/`);
export const moveRolloutOn = (rollout: string) => post<Rollout>(`/api/v1/releases/rollouts/${rollout}/next/`);
