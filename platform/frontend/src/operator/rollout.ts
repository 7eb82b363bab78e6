/** How far a trial has got, in figures and words. */
import type { Rollout } from "../api/types";
import { duration, percent } from "../common/format";
import { count } from "../common/words";

const STAGES: Record<Rollout["stage"], string> = {
  shadow: "answers silently",
  canary: "serves some people",
  full: "serves everyone",
  ended: "was stopped",
};

export const underWay = ({ stage }: Pick<Rollout, "stage">) => stage === "shadow" || stage === "canary";

export function sayStage({ stage }: Pick<Rollout, "stage">): string {
  return STAGES[stage];
}

/** The part of its stage's time that has passed, 0 to 1; null where the stage has no end. */
export function stagePart(rollout: Rollout, now = Date.now()): number | null {
  if (!underWay(rollout)) return null;
  const hours = rollout.stage === "shadow" ? rollout.shadow_hours : rollout.canary_hours;
  if (!hours) return 1;
  return Math.min(1, Math.max(0, (now - Date.parse(rollout.stage_at)) / 3_600_000 / hours));
}

/** How long its stage still lasts; empty where it has no end, or is about to end. */
export function sayLeft(rollout: Rollout, now = Date.now()): string {
  const part = stagePart(rollout, now);
  if (part === null || part === 1) return "";
  const hours = rollout.stage === "shadow" ? rollout.shadow_hours : rollout.canary_hours;
  return `${duration((1 - part) * hours * 3600)} left`;
}

/** What the shadow has seen so far. */
export function sayShadow({ shadow, shadow_share }: Pick<Rollout, "shadow" | "shadow_share">): string {
  if (!shadow.answers) return shadow_share ? "No live photo was answered yet." : "No shadow: it went on at once.";
  const alike = shadow.agreement === null ? "" : `, ${percent(shadow.agreement)} like what was served`;
  const problems = shadow.problems ? `; ${count(shadow.problems, "photo")} could not be answered` : "";
  return `${count(shadow.answers, "live photo")} answered silently${alike}${problems}.`;
}

export interface Arm {
  name: string;
  people: number;
  photos: number;
  rate: number | null;
}

/** How often people correct what they were served: those whom the challenger serves, and the others. */
export function arms({ canary }: Pick<Rollout, "canary">): Arm[] {
  if (!canary) return [];
  return [
    { name: "Challenger", people: canary.canary_owners, photos: canary.canary_photos, rate: canary.canary_rate },
    { name: "Champion", people: canary.others_owners, photos: canary.others_photos, rate: canary.others_rate },
  ];
}
