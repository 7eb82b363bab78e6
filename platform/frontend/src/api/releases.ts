import { get, post } from "./client";
import type { CurrentWeights, Deployment, Page, Readiness, Run } from "./types";

export const readReadiness = (signal?: AbortSignal) => get<Readiness>("/readyz", { signal });
export const readCurrentWeights = () => get<CurrentWeights>("/api/v1/weights/current/");
export const listRuns = () => get<Page<Run>>("/api/v1/releases/runs/");
export const listDeployments = () => get<Page<Deployment>>("/api/v1/releases/deployments/");
export const retrain = () => post<Run>("/api/v1/releases/retrain/");
export const rollBack = () => post<Deployment>("/api/v1/releases/rollback/");
