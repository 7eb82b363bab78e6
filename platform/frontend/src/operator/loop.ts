/** The loop as an operator sees it: where corrections become weights, and where that stands. */
import type { RouteLocationRaw } from "vue-router";
import type { CurrentWeights, Decision, Deployment, Overview, Policy, Run } from "../api/types";
import { dateTime, percent, shortSha } from "../common/format";
import { arms, sayShadow, stagePart } from "./rollout";
import { ACTIVE, count, progressOf, tookOf } from "../common/words";

export interface LoopState {
  overview: Overview | null;
  policy: Policy | null;
  runs: Run[];
  deployments: Deployment[];
  current: CurrentWeights | null;
}

/** One station of the loop. */
export interface Station {
  name: "Corrections" | "Training" | "Gate" | "Trial" | "Serving";
  figure: string;
  said: string;
  /** How far it has got, 0 to 1; null where nothing is counted. */
  done: number | null;
  /** Something happens here now. */
  busy: boolean;
  tone: "" | "good" | "bad" | "waits";
  to: RouteLocationRaw | null;
}

export function stations(state: LoopState, now = Date.now()): Station[] {
  return [corrections(state), training(state, now), gate(state), trial(state, now), serving(state)];
}

/** The decision that was made last, whatever it was about. */
export function lastDecision({ runs, deployments }: Pick<LoopState, "runs" | "deployments">): Decision | null {
  const all = [...runs.map(({ decision }) => decision), ...deployments.map(({ decision }) => decision)];
  return all.reduce<Decision | null>((last, one) => (one && (!last || one.id > last.id) ? one : last), null);
}

export const activeRun = (runs: Run[]) => runs.find(({ state }) => ACTIVE.includes(state)) ?? null;

/** The last run, if it failed and nobody has started again since; students are asked for by themselves. */
export function failedLast(runs: Run[]): Run | null {
  const [last] = runs.filter(({ kind }) => kind !== "student");
  return last?.state === "failed" && !activeRun(runs) ? last : null;
}

/** When the next run may start by itself, and what it waits for. */
export function sayNext({ overview, policy }: Pick<LoopState, "overview" | "policy">): string {
  if (!overview || !policy) return "";
  const { at, lacking, corrections, unfinished } = overview.schedule;
  if (at !== null && unfinished && !overview.rollout)
    return `The last run failed: the next starts ${dateTime(at)} and takes up what it was to learn.`;
  if (at === null) return `${count(corrections, "new correction")} since the last run. The schedule is off.`;
  if (lacking) return `${count(lacking, "more correction")} until the next run, not before ${dateTime(at)}.`;
  if (overview.rollout) return "There are enough for the next run: it waits for the trial to end.";
  return `There are enough: the next run starts ${dateTime(at)}.`;
}

function corrections(state: LoopState): Station {
  const { overview, policy } = state;
  const wanted = policy?.corrections_minimum ?? 0;
  const there = overview?.schedule.corrections ?? 0;
  return {
    name: "Corrections",
    figure: policy?.enabled ? `${there} of ${wanted}` : count(there, "new", "new"),
    said: sayNext(state),
    done: policy?.enabled && wanted ? Math.min(1, there / wanted) : null,
    busy: false,
    tone: "",
    to: "/review",
  };
}

function training({ runs }: LoopState, now: number): Station {
  const base = { name: "Training", tone: "" } as const;
  const run = activeRun(runs);
  if (run) {
    const epoch = run.curves.train_loss.at(-1)?.[0];
    const figure = run.state === "training" && epoch ? `epoch ${epoch}` : run.state;
    const said =
      run.kind === "student" ? `A student, asked for by ${run.requested_by}.` : `Asked for by ${run.requested_by}.`;
    return { ...base, figure, said, done: progressOf(run, now), busy: true, to: runPage(run) };
  }
  const last = runs[0];
  if (!last) return { ...base, figure: "not yet", said: "No run so far.", done: null, busy: false, to: null };
  const took = tookOf(last);
  const said = `The last run: ${dateTime(last.created_at)}${took && `, ${took}`}.`;
  const tone = last.state === "failed" ? "bad" : "";
  return {
    ...base,
    tone,
    figure: last.state === "failed" ? "failed" : "at rest",
    said,
    done: null,
    busy: false,
    to: runPage(last),
  };
}

function gate({ runs, deployments }: LoopState): Station {
  const decision = lastDecision({ runs, deployments });
  const base = { name: "Gate", done: null, busy: false } as const;
  if (!decision) return { ...base, figure: "not yet", said: "Nothing was judged so far.", tone: "", to: null };
  const waits = runs.some((run) => run.state === "waiting" && run.decision?.id === decision.id);
  const to = { name: "decision", params: { id: decision.id } };
  if (waits) return { ...base, figure: "waits for you", said: "Passed: look at it and approve it.", tone: "waits", to };
  const judged = decision.kind === "gate" || decision.kind === "student";
  const figure = judged ? (decision.passed ? "passed" : "refused") : decision.passed ? "let in" : "refused";
  const said = `The last decision: ${dateTime(decision.created_at)}.`;
  return { ...base, figure, said, tone: decision.passed ? "good" : "bad", to };
}

function trial({ overview, policy }: LoopState, now: number): Station {
  const base = { name: "Trial", tone: "", to: "/releases/trials" } as const;
  const rollout = overview?.rollout;
  if (!rollout) {
    const asked = policy && (policy.shadow_share || policy.canary_share);
    const said = asked ? "What passes is tried here first." : "Off: what passes serves at once.";
    return { ...base, figure: "none", said, done: null, busy: false };
  }
  const [ours, others] = arms(rollout).map(({ rate }) => (rate === null ? "–" : percent(rate)));
  const canary = ours === undefined ? "No photo was counted yet." : `${ours} corrected, ${others} elsewhere.`;
  const said = rollout.stage === "shadow" ? sayShadow(rollout) : canary;
  return { ...base, figure: rollout.stage, said, done: stagePart(rollout, now), busy: true };
}

function serving({ current }: LoopState): Station {
  const base = { name: "Serving", done: null, busy: false, to: "/releases/deployments" } as const;
  if (!current) return { ...base, figure: "nothing", said: "No weights serve.", tone: "bad" };
  const student = current.student ? " A student serves CPUs and browsers." : "";
  const said = `${shortSha(current.sha256)} since ${dateTime(current.deployed_at)}.${student}`;
  return { ...base, figure: current.network, said, tone: "good" };
}

const runPage = ({ id }: Run) => ({ name: "run", params: { id } });
