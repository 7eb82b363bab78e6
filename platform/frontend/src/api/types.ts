/** The API's answers, named. Their fields come from docs/openapi.yaml by `npm run api`. */
import type { StrokeNote } from "../editor/stroke";
import type { components } from "./schema.gen";

type Schemas = components["schemas"];
/** In an answer every field is present. */
type Answer<Schema> = { -readonly [Field in keyof Schema]-?: Schema[Field] };
/** The same fields, some of them said more exactly than the document can. */
type Exact<Schema, Fields> = Omit<Answer<Schema>, keyof Fields> & Fields;

export interface Page<Item> {
  count: number;
  next: string | null;
  previous: string | null;
  results: Item[];
}

export type Role = "person" | "reviewer" | "operator";
export type User = Exact<Schemas["Person"], { role: Role }>;
export type Session = Exact<Schemas["Session"], { user: User | null }>;

export type CorrectionState = "private" | "waiting" | "approved" | "rejected";
export type Prediction = Answer<Schemas["Prediction"]>;
export type Correction = Exact<Schemas["Correction"], { state: CorrectionState }>;
/** A correction with all that led to it. */
export type CorrectionDetail = Exact<
  Schemas["CorrectionDetail"],
  { state: CorrectionState; strokes: StrokeNote[]; seconds: number }
>;
export type Photo = Exact<Schemas["Photo"], { prediction: Prediction | null; correction: Correction | null }>;
/** `weights_that_saw_it` lists sha256. */
export interface DeletedPhoto {
  deleted: string;
  weights_that_saw_it: string[];
}

export type Target = Schemas["TargetEnum"];
export type Sticker = Exact<Schemas["Sticker"], { notes: string[]; target: Target }>;
/** How a sticker looks. Lengths are pixels of a sticker with 512. */
export type Style = { -readonly [Field in keyof Sticker["style"]]: Sticker["style"][Field] };

export type Pack = Answer<Schemas["Pack"]>;
/** A sticker of a pack; `file_url` is null where its picture is not made yet. */
export type PackSticker = Exact<Schemas["PackSticker"], { style: Style }>;
export type PackDetail = Exact<Schemas["PackDetail"], { stickers: PackSticker[] }>;

export type Verdict = Schemas["VerdictEnum"];
export type Review = Answer<Schemas["Review"]>;
export type ReviewItem = Exact<Schemas["ReviewItem"], { photo: Photo; prediction: Prediction; correction: Correction }>;

export interface Readiness {
  status: string;
  weights: string;
  network: string;
  device: string;
  /** Why an older deployment answers than was made last. */
  problem?: string;
  /** Which GPU was lost. */
  lost?: string;
}

type Figures = Record<string, number | string | null>;
type Student = Exact<Schemas["Student"], { metrics: Figures }>;
export type CurrentWeights = Exact<Schemas["CurrentWeights"], { metrics: Figures; student: Student | null }>;

/** What a decision rests on; starter weights were deployed without a comparison. */
export interface Evidence {
  champion?: Figures;
  challenger?: Figures;
  heldout?: number;
  /** How many of these have judged too often to prove a gain. */
  retired?: number;
  rules?: Record<string, number>;
  /** The least confidence in `gain`; `confidence` is that in the others. */
  mean_confidence?: number;
  boundary_confidence?: number;
  confidence?: number;
  gain?: number;
  gain_low?: number;
  /** The gain where no photo counts more than `rules.cap`, up or down. */
  capped_gain?: number;
  capped_gain_low?: number;
  boundary_gain?: number;
  boundary_gain_low?: number;
}
export type Decision = Exact<Schemas["Decision"], { evidence: Evidence }>;
export type Curve = [epoch: number, value: number][];
export type RunState = Schemas["StateEnum"];
export type Run = Exact<Schemas["Run"], { curves: { train_loss: Curve; val_iou: Curve }; decision: Decision | null }>;
export type Deployment = Exact<Schemas["Deployment"], { decision: Decision }>;

/** A held-out photo as both networks cut it: scores 0 to 1. */
export interface EvidenceImage {
  image_sha256: string;
  group?: string;
  source?: string;
  slices?: string[];
  champion_iou: number;
  challenger_iou: number;
  champion_boundary_f?: number;
  challenger_boundary_f?: number;
}
/** A kind of pictures, tested against its margin. */
export interface EvidenceSlice {
  name: string;
  photos: number;
  /** `iou` or `boundary_f`. */
  score?: string;
  margin?: number;
  gain: number;
  worse: boolean;
}
/** A photo that weights in service once cut rightly: IoU then and now. */
export interface Forgotten {
  image_sha256: string;
  before: number;
  now: number;
}
export interface FullEvidence extends Evidence {
  gate?: number;
  code?: string;
  seed?: number;
  resamples?: number;
  images?: EvidenceImage[];
  /** The photos that changed most, drawn: photo, truth, champion's and challenger's mask side by side. */
  pictures?: { name: string; image_sha256: string; gain: number }[];
  slices?: EvidenceSlice[];
  benchmarks?: Record<string, { images: EvidenceImage[] }>;
  forgotten?: Forgotten[];
  /** The largest loss of one photo that somebody mended; null where all were accepted. */
  worst?: { image_sha256: string; gain: number } | null;
  /** Groups of near-duplicates that lose, or gain, more than `limit`. */
  leaps?: { limit: number; losses: number; gains: number; worse: boolean };
  /** The photos whose approved mask is what a network had shown: none of them refuses a challenger alone. */
  accepted?: string[];
  /** Of the champion, of the challenger. */
  budget?: { latency_ms: number[]; bytes: number[]; other_network: boolean };
}
export type RunDetail = Exact<
  Schemas["RunDetail"],
  { curves: { train_loss: Curve; val_iou: Curve }; decision: Decision | null }
>;

export type Quarantine = Answer<Schemas["Quarantine"]>;
export type Trust = Exact<Schemas["Trust"], { quarantine: Quarantine | null }>;
export type MarkedCorrection = Exact<Schemas["MarkedCorrection"], { state: CorrectionState }>;

export type Policy = Answer<Schemas["Policy"]>;
/** One thing that a run would find. */
export type Finding = Answer<Schemas["Finding"]>;
export type Lineage = Answer<Schemas["Lineage"]>;
export type LineageNode = Answer<Schemas["Node"]>;
export type NodeKind = LineageNode["kind"];
export type DecisionDetail = Exact<Schemas["DecisionDetail"], { evidence: FullEvidence }>;

export type DatasetVersion = Answer<Schemas["Version"]>;
export type DatasetDetail = Answer<Schemas["VersionDetail"]>;
/** A photo that two versions do not hold alike. */
export type DatasetSample = Answer<Schemas["Sample"]>;
export type Rollout = Exact<
  Schemas["Rollout"],
  { shadow: Answer<Schemas["ShadowSummary"]>; canary: Answer<Schemas["CanaryFigures"]> | null }
>;
export type ShadowAnswer = Answer<Schemas["ShadowAnswer"]>;
/** What comes next, and what is being tried. */
export interface Overview {
  schedule: Answer<Schemas["Schedule"]>;
  rollout: Rollout | null;
  unrightful: string[];
}
