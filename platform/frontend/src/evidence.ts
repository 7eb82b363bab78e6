/** What a decision's evidence says, made ready to be looked at. */
import type { DecisionDetail, EvidenceImage, FullEvidence } from "./api/types";
import type { Whisker } from "./components/releases/WhiskerPlot.vue";
import { fileSize } from "./format";
import { count } from "./words";

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

const percent = (share: number) => `${+(100 * share).toFixed(2)} %`;

/** The gains that the verdict rests on, each with its lower bound and what that must not fall below. */
export function gainRows({ evidence }: Pick<DecisionDetail, "evidence">): Whisker[] {
  const rows: Whisker[] = [];
  const { gain, gain_low, mean_confidence, capped_gain, capped_gain_low, boundary_gain, boundary_gain_low, rules } =
    evidence;
  if (gain !== undefined && gain_low !== undefined)
    rows.push({
      name: "Mean IoU",
      note: mean_confidence ? `must be above zero with ${percent(mean_confidence)} confidence` : "must be above zero",
      value: gain,
      low: gain_low,
      limit: 0,
      bad: gain_low <= 0,
    });
  if (capped_gain !== undefined && capped_gain_low !== undefined)
    rows.push({
      name: `Mean IoU, a photo counting ${+(100 * (rules?.cap ?? 0.15)).toFixed(1)} points at most`,
      note: "must be above zero",
      value: capped_gain,
      low: capped_gain_low,
      limit: 0,
      bad: capped_gain_low <= 0,
    });
  if (boundary_gain !== undefined && boundary_gain_low !== undefined) {
    const limit = -(rules?.boundary_margin ?? 0);
    const bad = boundary_gain_low < limit;
    rows.push({ name: "Edges (boundary F)", value: boundary_gain, low: boundary_gain_low, limit, bad });
  }
  return rows;
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
  if (decision.waiting) return "Passed, and waits for your approval";
  if (!decision.passed) return "Refused: the champion keeps serving";
  if (decision.kind === "starter") return "Shipped with the program";
  if (decision.kind === "operator") return "Chosen by an operator";
  return "Passed: the challenger may serve";
}

export interface Budget {
  name: string;
  champion: string;
  challenger: string;
  ratio: number;
  limit: number;
  over: boolean;
  said: string;
}

/** What the challenger costs beside the champion, where both were measured. */
export function budgets({ budget, rules }: FullEvidence): Budget[] {
  const lines = [
    { name: "Time of one photo", pair: budget?.latency_ms, limit: rules?.latency_factor ?? 1.5, say: milliseconds },
    { name: "Size", pair: budget?.bytes, limit: rules?.bytes_factor ?? 2, say: fileSize },
  ];
  return lines.flatMap(({ name, pair, limit, say }) => {
    const [before, now] = pair ?? [];
    if (before === undefined || now === undefined || before <= 0) return [];
    const ratio = now / before;
    const said = `${name}: ${say(before)} before, ${say(now)} now, ${ratio.toFixed(2)} times; ${limit} times is the limit`;
    return [{ name, champion: say(before), challenger: say(now), ratio, limit, over: ratio > limit, said }];
  });
}

const milliseconds = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
