import { get, patch, pathOf, post } from "./client";
import type {
  CurrentWeights,
  DecisionDetail,
  Deployment,
  Finding,
  Lineage,
  Overview,
  Page,
  Policy,
  Readiness,
  Run,
  RunDetail,
} from "./types";

export const readOverview = () => get<Overview>("/api/v1/releases/overview/");
export const readReadiness = (signal?: AbortSignal) => get<Readiness>("/readyz", { signal });
export const readCurrentWeights = () => get<CurrentWeights>("/api/v1/weights/current/");
export const listRuns = (url = "/api/v1/releases/runs/") => get<Page<Run>>(pathOf(url));
export const readRun = (id: string) => get<RunDetail>(`/api/v1/releases/runs/${id}/`);
export const listDeployments = (url = "/api/v1/releases/deployments/") => get<Page<Deployment>>(pathOf(url));
/** Asks for a run; what is not wished for is the policy's. */
export const retrain = (wishes: Partial<Pick<Run, "minutes" | "epochs">> = {}) =>
  post<Run>("/api/v1/releases/retrain/", wishes);
export const rollBack = () => post<Deployment>("/api/v1/releases/rollback/");

export const readDecision = (id: string) => get<DecisionDetail>(`/api/v1/releases/decisions/${id}/`);
export const approveDecision = (id: string) => post<unknown>(`/api/v1/releases/decisions/${id}/approve/`, {});
export const declineDecision = (id: string) => post<unknown>(`/api/v1/releases/decisions/${id}/decline/`, {});
/** A picture of a run's evidence: photo, truth, champion's and challenger's mask side by side. */
export const evidenceUrl = (run: string, name: string) => `/api/v1/releases/runs/${run}/evidence/${name}`;

export const readPolicy = () => get<Policy>("/api/v1/releases/policy/");
export const changePolicy = (policy: Partial<Policy>) => patch<Policy>("/api/v1/releases/policy/", policy);
/** What a run would find by the policy with these changes; nothing is changed. */
export const forecast = (policy: Partial<Policy>) => post<Finding[]>("/api/v1/releases/forecast/", policy);

export const readLineage = (kind: string, id: string) => get<Lineage>(`/api/v1/releases/lineage/${kind}/${id}/`);
