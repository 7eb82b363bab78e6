import { describe, expect, it } from "vitest";
import type { EvidenceImage, Lineage } from "../src/api/types";
import { budgets, extremes, gainRows, headline, sayGain, sliceRows, spread } from "../src/operator/evidence";
import { columns, kin, relations } from "../src/operator/lineage";
import { axisOf, panels, parts, polyline, share } from "../src/operator/plots";
import { arms, sayShadow, stagePart } from "../src/operator/rollout";
import { points, progressOf, tookOf, waitedOf } from "../src/common/words";

const image = (name: string, champion: number, challenger: number, slices: string[] = []): EvidenceImage => ({
  image_sha256: name,
  group: name,
  slices,
  champion_iou: champion,
  challenger_iou: challenger,
});

describe("axes", () => {
  it("are round, hold every value, and zero where it is asked for", () => {
    expect(axisOf([0.012, 0.031], { zero: true })).toEqual({ low: 0, high: 0.04, ticks: [0, 0.01, 0.02, 0.03, 0.04] });
    const both = axisOf([-0.02, 0.05], { zero: true });
    expect(both.ticks).toContain(0);
    expect(both.low).toBeLessThanOrEqual(-0.02);
    expect(both.high).toBeGreaterThanOrEqual(0.05);
  });

  it("stay useful for one value, none, or what is no number", () => {
    for (const values of [[0.5], [0], [], [NaN, Infinity]]) {
      const { low, high } = axisOf(values);
      expect(high).toBeGreaterThan(low);
    }
  });

  it("place values from end to end and never beyond", () => {
    const axis = { low: -1, high: 1, ticks: [] };
    expect([-2, -1, 0, 1, 2].map((value) => share(value, axis))).toEqual([0, 0, 0.5, 1, 1]);
  });

  it("curves grow upwards", () => {
    const curve: [number, number][] = [
      [1, 0],
      [3, 1],
    ];
    const axis = { low: 0, high: 1, ticks: [] };
    expect(polyline(curve, { low: 1, high: 3, ticks: [] }, axis, 200, 70)).toEqual([
      { x: 0, y: 70 },
      { x: 200, y: 0 },
    ]);
  });
});

it("a bar's parts add up, and nothing of nothing is nothing", () => {
  expect(parts([3, 1])).toEqual([0.75, 0.25]);
  expect(parts([0, 0])).toEqual([0, 0]);
});

it("four pictures of a strip are found where they are drawn", () => {
  const found = panels(4 * 100 + 3 * 4, 50);
  expect(found.map(({ aspect }) => aspect)).toEqual([2, 2, 2, 2]);
  // CSS puts a background at (window − strip) × position.
  for (const [index, { strip, position }] of found.entries()) {
    expect((1 - strip) * position * 100).toBeCloseTo(-index * 104);
  }
});

describe("evidence", () => {
  const images = [image("a", 0.9, 0.7), image("b", 0.8, 0.8), image("c", 0.5, 0.9), image("d", 0.6, 0.65)];

  it("shows the worst losses and the best gains, none of what stayed the same", () => {
    const { losses, gains } = extremes(images, 1);
    expect(losses.map((line) => line.image_sha256)).toEqual(["a"]);
    expect(gains.map((line) => line.image_sha256)).toEqual(["c"]);
  });

  it("a gain that may be none is marked", () => {
    const rows = gainRows({
      evidence: { gain: 0.02, gain_low: -0.001, boundary_gain: 0.01, boundary_gain_low: -0.002 },
    });
    expect(rows.map(({ bad }) => bad)).toEqual([true, true]);
    const kept = { gain: 0.02, gain_low: 0.001, boundary_gain: 0, boundary_gain_low: -0.002 };
    const rules = { boundary_margin: 0.005 };
    expect(gainRows({ evidence: { ...kept, rules } }).map(({ bad, limit }) => [bad, limit])).toEqual([
      [false, 0],
      [false, -0.005],
    ]);
  });

  it("the gain that is capped is shown beside the plain one, each with its confidence", () => {
    const evidence = {
      ...{ heldout: 31, retired: 1, confidence: 0.9975, mean_confidence: 0.975 },
      ...{ gain: 0.02, gain_low: 0.001, capped_gain: 0.01, capped_gain_low: -0.001 },
      ...{ boundary_gain: 0.01, boundary_gain_low: -0.001, rules: { cap: 0.15, boundary_margin: 0.005 } },
    };
    expect(gainRows({ evidence }).map(({ name, note, bad }) => [name, note, bad])).toEqual([
      ["Mean IoU", "must be above zero with 97.5\u00a0% confidence", false],
      ["Mean IoU, a photo counting 15 points at most", "must be above zero with 99.75\u00a0% confidence", true],
      ["Edges (boundary F)", "must be −0.50 or more with 99.75\u00a0% confidence", false],
    ]);
    expect(gainRows({ evidence: { ...evidence, boundary_confidence: 0.95 } })[2]?.note).toContain("with 95\u00a0%");
    expect(sayGain(evidence)).toBe(
      "30 held-out photos · gain +2.00 points, at least +0.10 with 97.5\u00a0% confidence · " +
        "+1.00 where no photo counts more than 15 points, at least −0.10 with 99.75\u00a0% confidence",
    );
    expect(sayGain({})).toBe("");
  });

  it("an interval counts near-duplicates once", () => {
    const apart = [image("a", 0, 0.1), image("b", 0, 0.3)];
    expect(spread(apart)).toBeCloseTo((1.96 * Math.sqrt(0.02 * 2)) / 2);
    const alike = [...apart, ...apart.map((line) => ({ ...line }))];
    expect(spread(alike)).toBeCloseTo(spread(apart)!);
    expect(spread([image("a", 0, 0.1)])).toBeNull();
  });

  it("slices come with the worst first and their own margin", () => {
    const slices = [
      { name: "size: small", photos: 2, score: "iou", margin: 0.01, gain: 0.03, worse: false },
      { name: "light: dark", photos: 2, score: "iou", margin: 0.01, gain: -0.1, worse: true },
    ];
    const rows = sliceRows({ evidence: { slices, images: [image("a", 0, 0.1, ["size: small"])] } });
    expect(rows.map(({ name, bad, limit }) => [name, bad, limit])).toEqual([
      ["light: dark", true, -0.01],
      ["size: small", false, -0.01],
    ]);
  });

  it("a budget that is passed is said to be", () => {
    const lines = budgets({ budget: { latency_ms: [40, 70], bytes: [100, 150], other_network: false } });
    expect(lines.map(({ over, ratio }) => [over, ratio])).toEqual([
      [true, 1.75],
      [false, 1.5],
    ]);
    expect(budgets({})).toEqual([]);
    const wished = budgets({ budget: { latency_ms: [40, 400], bytes: [], other_network: true } });
    expect(wished.map(({ over, limit }) => [over, limit])).toEqual([[false, null]]);
  });

  it("the verdict is a sentence", () => {
    expect(headline({ kind: "gate", passed: false })).toBe("Refused: the champion keeps serving");
    expect(headline({ kind: "student", passed: false })).toBe("Refused: the present student keeps serving");
    expect(headline({ kind: "gate", passed: true, waiting: true })).toBe("Passed, and waits for your approval");
  });
});

describe("words", () => {
  it("points have a sign, and nothing has both", () => {
    expect([0.0123, -0.0123, 0.00001, null].map((value) => points(value))).toEqual(["+1.23", "−1.23", "±0.00", "–"]);
  });

  it("a run's progress is its epochs', else its minutes'", () => {
    const run = { state: "training" as const, started_at: "2026-11-23T08:00:00Z", minutes: 20 };
    const curves = { train_loss: [[3, 1]] as [number, number][], val_iou: [] };
    const now = Date.parse("2026-11-23T08:05:00Z");
    expect(progressOf({ ...run, curves, epochs: 12 }, now)).toBe(0.25);
    expect(progressOf({ ...run, curves, epochs: null }, now)).toBe(0.25);
    expect(progressOf({ ...run, curves, epochs: null, state: "freezing" }, now)).toBeNull();
  });

  it("what a run took ends with its verdict, and the wait for an approval is told apart", () => {
    const run = { started_at: "2026-11-23T08:00:00Z", finished_at: "2026-11-23T08:09:00Z", approval_at: null };
    expect([tookOf(run), waitedOf(run)]).toEqual(["9 min", ""]);
    expect(waitedOf({ ...run, approval_at: "2026-11-23T10:09:00Z" })).toBe("2 h");
    expect(tookOf({ ...run, finished_at: null })).toBe("");
  });
});

describe("trials", () => {
  const rollout = { stage: "shadow" as const, stage_at: "2026-11-23T08:00:00Z", shadow_hours: 4, canary_hours: 0 };

  it("tell how much of their time has passed", () => {
    const at = (time: string) => stagePart(rollout as never, Date.parse(time));
    expect(at("2026-11-23T09:00:00Z")).toBe(0.25);
    expect(at("2026-11-24T09:00:00Z")).toBe(1);
    expect(stagePart({ ...rollout, stage: "full" } as never)).toBeNull();
  });

  it("say what was seen", () => {
    expect(sayShadow({ shadow_share: 0.1, shadow: { answers: 1, problems: 0, agreement: 0.97 } })).toBe(
      "1 live photo answered silently, 97 % like what was served.",
    );
    expect(arms({ canary: null })).toEqual([]);
  });
});

describe("lineage", () => {
  const node = (kind: string, id: string) => ({ kind, id, label: "", at: `2026-11-2${id.length}T08:00:00Z` });
  const lineage = {
    nodes: [node("weights", "w"), node("run", "r"), node("run", "rr"), node("dataset", "1")],
    edges: [
      { start: { kind: "weights", id: "w" }, end: { kind: "run", id: "r" }, word: "made by" },
      { start: { kind: "run", id: "r" }, end: { kind: "dataset", id: "1" }, word: "learned from" },
      { start: { kind: "run", id: "rr" }, end: { kind: "dataset", id: "1" }, word: "learned from" },
    ],
    left_off: { correction: 7 },
  } as unknown as Lineage;

  it("has a column for each kind there is, in order of the road, the newest first", () => {
    const found = columns(lineage).map(({ kind, nodes, more }) => [kind, nodes.map(({ id }) => id), more]);
    expect(found).toEqual([
      ["weights", ["w"], 0],
      ["run", ["rr", "r"], 0],
      ["dataset", ["1"], 0],
      ["correction", [], 7],
    ]);
  });

  it("kin are those before and behind, not those beside", () => {
    expect([...kin(lineage, { kind: "run", id: "r" })].sort()).toEqual(["dataset 1", "run r", "weights w"]);
  });

  it("relations are words", () => {
    expect(relations(lineage, { kind: "weights", id: "w" })).toEqual(["made by run r"]);
  });
});
