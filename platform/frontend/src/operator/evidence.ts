/** What a decision's evidence says, made ready to be looked at. */
import type { Decision, DecisionDetail, Evidence, EvidenceImage, FullEvidence } from "../api/types";
import type { Whisker } from "./components/WhiskerPlot.vue";
import { fileSize } from "../common/format";
import { count, points } from "../common/words";

export const gainOf = (image: EvidenceImage) => image.challenger_iou - image.champion_iou;

/** The pictures that lost most and those that gained most, `most` of each, none twice. */
export function extremes(images: EvidenceImage[], most = 4): { losses: EvidenceImage[]; gains: EvidenceImage[] } {
  const sorted = [...images].sort((a, b) => gainOf(a) - gainOf(b));
  return {
    losses: sorted.filter((image) => gainOf(image) < 0).slice(0, most),
    gains: sorted
      .filter((image) => gainOf(image) > 0)
      .reverse()
      .slice(0, most),
  };
}

/** A share as exactly as it was asked for: 99.75 %. */
const percent = (share: number) => `${+(100 * share).toFixed(2)}\u00a0%`;
/** How many points a photo counts at most in the capped gain. */
const capOf = ({ rules }: Evidence) => +(100 * (rules?.cap ?? 0.15)).toFixed(1);

/** The gains that the verdict rests on, each with its lower bound, what that must not fall below, and how surely. */
export function gainRows({ evidence }: Pick<Decision, "evidence">): Whisker[] {
  const { confidence, mean_confidence = confidence, boundary_confidence = confidence } = evidence;
  const capped = `Mean IoU, a photo counting ${capOf(evidence)} points at most`;
  const edges = -(evidence.rules?.boundary_margin ?? 0);
  const surely = (confidence?: number) => (confidence ? ` with ${percent(confidence)} confidence` : "");
  return [
    ...row("Mean IoU", evidence.gain, evidence.gain_low, 0, surely(mean_confidence)),
    ...row(capped, evidence.capped_gain, evidence.capped_gain_low, 0, surely(confidence)),
    ...row(
      "Edges (boundary F)",
      evidence.boundary_gain,
      evidence.boundary_gain_low,
      edges,
      surely(boundary_confidence),
    ),
  ];
}

function row(name: string, value: number | undefined, low: number | undefined, limit: number, surely: string) {
  if (value === undefined || low === undefined) return [];
  const note = `must be ${limit ? `${points(limit)} or more` : "above zero"}${surely}`;
  return [{ name, note, value, low, limit, bad: limit ? low < limit : low <= 0 }];
}

/** Over how many held-out photos, and what both tests of the mean IoU found, in words. */
export function sayGain(evidence: Evidence): string {
  const { heldout, retired = 0, confidence, mean_confidence = confidence } = evidence;
  if (!heldout) return "";
  const surely = (share?: number) => (share ? ` with ${percent(share)} confidence` : "");
  const lines = [count(heldout - retired, "held-out photo")];
  if (evidence.gain !== undefined && evidence.gain_low !== undefined)
    lines.push(`gain ${points(evidence.gain)} points, at least ${points(evidence.gain_low)}${surely(mean_confidence)}`);
  if (evidence.capped_gain !== undefined && evidence.capped_gain_low !== undefined)
    lines.push(
      `${points(evidence.capped_gain)} where no photo counts more than ${capOf(evidence)} points, ` +
        `at least ${points(evidence.capped_gain_low)}${surely(confidence)}`,
    );
  return lines.join(" · ");
}

/** The kinds of pictures, those that got worse first, with about what they may have changed by (see `spread`). */
export function sliceRows({ evidence }: Pick<DecisionDetail, "evidence">): Whisker[] {
  return [...(evidence.slices ?? [])]
    .sort((a, b) => Number(b.worse) - Number(a.worse) || a.gain - b.gain)
    .map(({ name, photos, score, margin, gain, worse }) => {
      const width = spread(membersOf(name, evidence), score === "boundary_f" ? "boundary_f" : "iou");
      return {
        name,
        note: count(photos, "photo"),
        value: gain,
        ...(width === null ? {} : { low: gain - width, high: gain + width }),
        limit: -(margin ?? evidence.rules?.slice_margin ?? 0),
        bad: worse,
      };
    });
}

function membersOf(slice: string, { images, benchmarks }: FullEvidence): EvidenceImage[] {
  const [kind, benchmark] = slice.split(/: (.*)/s);
  if (kind?.startsWith("benchmark") && benchmark && benchmarks?.[benchmark]) return benchmarks[benchmark].images;
  return (images ?? []).filter(({ slices }) => slices?.includes(slice));
}

/**
 * Half of the 95 % interval of a mean gain, near-duplicates counted together: twice the cluster-robust standard error
 * (Liang & Zeger, Longitudinal data analysis using generalized linear models, 1986). Null for fewer than two groups.
 */
export function spread(images: EvidenceImage[], score: "iou" | "boundary_f" = "iou"): number | null {
  const gains = images.map((image) => (image[`challenger_${score}`] ?? 0) - (image[`champion_${score}`] ?? 0));
  const mean = gains.reduce((sum, gain) => sum + gain, 0) / gains.length;
  const groups = new Map<string, number>();
  images.forEach(({ group, image_sha256 }, index) => {
    const name = group ?? image_sha256;
    groups.set(name, (groups.get(name) ?? 0) + gains[index]! - mean);
  });
  if (groups.size < 2) return null;
  const squares = [...groups.values()].reduce((sum, residual) => sum + residual ** 2, 0);
  return (1.96 * Math.sqrt((squares * groups.size) / (groups.size - 1))) / gains.length;
}

/** What became of the challenger, in a few words. */
export function headline(decision: Pick<DecisionDetail, "kind" | "passed"> & { waiting?: boolean }): string {
  const student = decision.kind === "student";
  if (decision.waiting) return "Passed, and waits for your approval";
  if (!decision.passed) return `Refused: the ${student ? "present student" : "champion"} keeps serving`;
  if (decision.kind === "starter") return "Shipped with the program";
  if (decision.kind === "operator") return "Chosen by an operator";
  return student ? "Passed: the student may serve CPUs and browsers" : "Passed: the challenger may serve";
}

/** Why no photos stand behind a decision. */
export function sayUncompared(kind: Decision["kind"]): string {
  if (kind === "starter") return "No photos were compared: nothing served before.";
  return `No photos were compared: ${kind === "operator" ? "a person decided" : "the gate refused before that"}.`;
}

export interface Budget {
  name: string;
  champion: string;
  challenger: string;
  ratio: number;
  /** How many times the champion's it may be; null where the operator wished for another network. */
  limit: number | null;
  over: boolean;
  said: string;
}

/** What the challenger costs beside the champion, where both were measured. No limit holds for another network. */
export function budgets({ budget, rules }: FullEvidence): Budget[] {
  const lines = [
    { name: "Time of one photo", pair: budget?.latency_ms, limit: rules?.latency_factor ?? 1.5, say: milliseconds },
    { name: "Size", pair: budget?.bytes, limit: rules?.bytes_factor ?? 2, say: fileSize },
  ];
  return lines.flatMap(({ name, pair, limit, say }) => {
    const [before, now] = pair ?? [];
    if (before === undefined || now === undefined || before <= 0) return [];
    const ratio = now / before;
    const most = budget?.other_network ? null : limit;
    const allowed = most ? `${most} times is the limit` : "another network was wished for: no limit";
    const said = `${name}: ${say(before)} before, ${say(now)} now, ${ratio.toFixed(2)} times; ${allowed}`;
    return [
      {
        name,
        champion: say(before),
        challenger: say(now),
        ratio,
        limit: most,
        over: most !== null && ratio > most,
        said,
      },
    ];
  });
}

const milliseconds = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
