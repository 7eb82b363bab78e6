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
export type Sticker = Exact<Schemas["Sticker"], { notes: string[] }>;

export type Verdict = Schemas["VerdictEnum"];
export type Review = Answer<Schemas["Review"]>;
export type ReviewItem = Exact<Schemas["ReviewItem"], { photo: Photo; prediction: Prediction; correction: Correction }>;

export interface Readiness {
  status: string;
  weights: string;
  network: string;
  device: string;
}

type Figures = Record<string, number | string | null>;
export type CurrentWeights = Exact<Schemas["CurrentWeights"], { metrics: Figures }>;

/** What a decision rests on; starter weights were deployed without a comparison. */
export interface Evidence {
  champion?: Figures;
  challenger?: Figures;
  heldout?: number;
  gain?: number;
  gain_low?: number;
}
export type Decision = Exact<Schemas["Decision"], { evidence: Evidence }>;
export type Curve = [epoch: number, value: number][];
export type RunState = Schemas["StateEnum"];
export type Run = Exact<Schemas["Run"], { curves: { train_loss: Curve; val_iou: Curve }; decision: Decision | null }>;
export type Deployment = Exact<Schemas["Deployment"], { decision: Decision }>;
