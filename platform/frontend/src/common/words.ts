/** What releases, decisions and runs are called, in words for people. */
import type { Correction, Decision, Policy, Run, RunState } from "../api/types";
import { duration } from "./format";

/** The words of the decision's kinds in the admin, too. */
export const DECIDED_BY: Record<Decision["kind"], string> = {
  gate: "gate",
  starter: "shipped",
  student: "student",
  operator: "operator's choice",
};

export const STATE_TAGS: Record<RunState, string> = {
  queued: "",
  freezing: "is-info",
  training: "is-info",
  deciding: "is-info",
  waiting: "is-warning",
  promoted: "is-success",
  refused: "is-warning",
  failed: "is-danger",
};

export const ACTIVE: RunState[] = ["queued", "freezing", "training", "deciding"];

const STATES: Partial<Record<RunState, string>> = {
  queued: "Waits for the worker to take it up.",
  freezing: "Freezes the approved corrections into a dataset version.",
  training: "Learns from the corrections.",
  waiting: "Passed the gate, and waits for an operator's approval.",
  deciding: "Is compared with what serves, on photos neither of them learned from.",
};

export function sayState(state: RunState): string {
  return STATES[state] ?? "";
}

/** A difference of two figures between 0 and 1, in hundredths: what people call points. */
export function points(value: number | null | undefined, digits = 2): string {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  const hundredths = Math.abs(value * 100).toFixed(digits);
  const nothing = Number(hundredths) === 0;
  return `${nothing ? "±" : value < 0 ? "−" : "+"}${hundredths}`;
}

/** How far an active run has got, 0 to 1: by its epochs if it counts them, else by its minutes. Null: nobody can say. */
export function progressOf(
  run: Pick<Run, "state" | "started_at" | "curves" | "minutes" | "epochs">,
  now = Date.now(),
): number | null {
  if (run.state !== "training" || !run.started_at) return null;
  const done = run.curves.train_loss.at(-1)?.[0] ?? 0;
  if (run.epochs) return Math.min(1, done / run.epochs);
  if (!run.minutes) return null;
  return Math.min(1, Math.max(0, (now - Date.parse(run.started_at)) / 60_000 / run.minutes));
}

/** How long a run worked, in words: from the moment it was taken up to its verdict. "" where it has not ended. */
export function tookOf({ started_at, finished_at }: Pick<Run, "started_at" | "finished_at">): string {
  return between(started_at, finished_at);
}

/** How long what passed waited for an operator's word. "" where nobody was waited for, or still is. */
export function waitedOf({ finished_at, approval_at }: Pick<Run, "finished_at" | "approval_at">): string {
  return between(finished_at, approval_at);
}

const between = (start: string | null, end: string | null) =>
  start && end ? duration((Date.parse(end) - Date.parse(start)) / 1000) : "";

/** "1 photo", "2 photos". */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** The policy in a few sentences. */
export function sayPolicy(policy: Policy): string[] {
  const { enabled, corrections_minimum, interval_hours, hour, minutes, network, heldout_minimum } = policy;
  const when = hour === null ? "" : `, in the hour from ${String(hour).padStart(2, "0")}:00 UTC`;
  const lines = [
    enabled
      ? `Trains by itself once ${count(corrections_minimum, "new correction")} are approved, every ${count(interval_hours, "hour")} at most${when}.`
      : "Trains only when somebody asks for it.",
    `${count(minutes, "minute")} of training on ${network || "the champion's network"}; nothing is promoted on fewer than ${heldout_minimum} held-out photos.`,
  ];
  if (policy.shadow_share)
    lines.push(
      `A challenger first answers ${share(policy.shadow_share)} of live photos silently, for ${count(policy.shadow_hours, "hour")}.`,
    );
  if (policy.canary_share)
    lines.push(`Then it serves ${share(policy.canary_share)} of people for ${count(policy.canary_hours, "hour")}.`);
  if (policy.manual_approval) lines.push("What passes serves only once an operator approves it.");
  return lines;
}

const share = (part: number) => `${Math.round(part * 1000) / 10} %`;

/** What became of somebody's fix, in words for its author; null while it is nobody else's matter. */
export function sayVerdict({
  state,
  reason,
}: Pick<Correction, "state" | "reason">): { text: string; tone: string } | null {
  switch (state) {
    case "waiting":
      return { text: "Your fix waits for a reviewer to look at it.", tone: "quiet" };
    case "approved":
      return { text: "Your fix was approved: StickerSnap may learn from it. Thank you.", tone: "tone-good" };
    case "rejected":
      return {
        text: `StickerSnap does not learn from your fix: “${reason}”. Your sticker keeps it.`,
        tone: "tone-warn",
      };
    default:
      return null;
  }
}

/** How long photos are kept that nobody may learn from: "7 days", "36 hours". */
export function keptFor(hours: number | undefined): string {
  if (!hours) return "a while";
  return hours % 24 ? count(hours, "hour") : count(hours / 24, "day");
}
