import { describe, expect, it } from "vitest";
import type { Decision, Run } from "../src/api/types";
import { failedLast, lastDecision, sayNext, stations, type LoopState } from "../src/operator/loop";
import { fieldErrors } from "../src/operator/validation";

const NOW = Date.parse("2026-11-23T12:00:00Z");
const nothing = { overview: null, policy: null, runs: [], deployments: [], current: null };
const made = (state: Record<string, unknown>) => ({ ...nothing, ...state }) as unknown as LoopState;
const station = (state: LoopState, name: string) => stations(state, NOW).find((one) => one.name === name)!;
const run = (fields: Record<string, unknown>) =>
  ({ id: "r", state: "refused", curves: { train_loss: [], val_iou: [] }, decision: null, ...fields }) as unknown as Run;
const decision = (fields: Record<string, unknown>) =>
  ({ id: 1, kind: "gate", passed: true, ...fields }) as unknown as Decision;
const schedule = (fields: Record<string, unknown>) =>
  made({
    policy: { enabled: true, corrections_minimum: 20, shadow_share: 0, canary_share: 0 },
    overview: {
      schedule: { at: "2026-11-23T13:07:00Z", corrections: 8, lacking: 12, ...fields },
      rollout: null,
      unrightful: [],
    },
  });

describe("the loop", () => {
  it("has a word for every station before anything happened", () => {
    expect(stations(made({}), NOW).map(({ figure }) => figure)).not.toContain("");
  });

  it("says what the policy lacks", () => {
    expect(sayNext(schedule({}))).toContain("12 more corrections until the next run");
    expect(sayNext(schedule({ lacking: 1, corrections: 19 }))).toContain("1 more correction until");
    expect(sayNext(schedule({ lacking: 0, corrections: 20 }))).toContain("the next run starts");
    expect(sayNext(schedule({ at: null }))).toContain("The schedule is off");
    const corrections = station(schedule({}), "Corrections");
    expect([corrections.figure, corrections.done]).toEqual(["8 of 20", 0.4]);
  });

  it("says that the schedule takes up what a failed run was to learn", () => {
    const failed = { lacking: 0, corrections: 0, unfinished: true };
    expect(sayNext(schedule(failed))).toContain("The last run failed: the next starts");
    expect(sayNext(schedule({ ...failed, at: null }))).toContain("The schedule is off");
  });

  it("lets the last run be started again, if it failed and none is under way", () => {
    const failed = run({ id: "f", state: "failed" });
    expect(failedLast([failed, run({})])?.id).toBe("f");
    expect(failedLast([run({ kind: "student" }), failed])?.id).toBe("f");
    expect(failedLast([run({ kind: "student", state: "training" }), failed])).toBeNull();
    expect(failedLast([run({}), failed])).toBeNull();
    expect(failedLast([])).toBeNull();
  });

  it("follows a run by its epochs", () => {
    const curves = { train_loss: [[3, 0.5]], val_iou: [] };
    const active = run({ state: "training", started_at: "2026-11-23T11:50:00Z", minutes: 20, epochs: 12, curves });
    const training = station(made({ runs: [active] }), "Training");
    expect([training.figure, training.done, training.busy]).toEqual(["epoch 3", 0.25, true]);
    expect(station(made({ runs: [run({ state: "failed" })] }), "Training").tone).toBe("bad");
  });

  it("tells the last decision, whosever it was", () => {
    const gate = decision({ id: 3, passed: false });
    const operators = { decision: decision({ id: 4, kind: "operator" }) };
    const state = made({ runs: [run({ decision: gate })], deployments: [operators] });
    expect(lastDecision(state)?.id).toBe(4);
    expect(station(state, "Gate").figure).toBe("let in");
    expect(station(made({ runs: [run({ decision: gate })] }), "Gate").tone).toBe("bad");
    const waits = made({ runs: [run({ state: "waiting", decision: decision({ id: 5 }) })] });
    expect(station(waits, "Gate").figure).toBe("waits for you");
  });

  it("shows a canary's figures so far", () => {
    const canary = { canary_owners: 6, canary_photos: 40, canary_rate: 0.05, others_photos: 90, others_rate: 0.1 };
    const rollout = { stage: "canary", stage_at: "2026-11-23T06:00:00Z", canary_hours: 24, canary };
    const state = made({ overview: { schedule: { at: null, corrections: 0, lacking: 0 }, rollout, unrightful: [] } });
    const trial = station(state, "Trial");
    expect([trial.figure, trial.done]).toEqual(["canary", 0.25]);
    expect(trial.said).toBe("5 % corrected, 10 % elsewhere.");
  });
});

describe("errors of fields", () => {
  const fields = ["hour", "minutes", "network"];

  it("are told apart", () => {
    const detail = "hour: At most 23. minutes: A valid number is required. network: No weights: pull some.";
    expect(fieldErrors(detail, fields)).toEqual({
      hour: "At most 23.",
      minutes: "A valid number is required.",
      network: "No weights: pull some.",
    });
  });

  it("leave what names no field as it is", () => {
    expect(fieldErrors("Log in first.", fields)).toEqual({ "": "Log in first." });
  });
});
