import type { Changes } from "../editor/changes";
import { decodePng, through } from "../editor/png";
import type { Plane } from "../editor/tools/kernels";
import type { StrokeNote } from "../editor/stroke";
import { get, getBytes, post, put, remove } from "./client";
import type { Correction, CorrectionDetail, Page, Review, ReviewItem, Verdict } from "./types";

const LONG_LOG = 2000; // characters: a longer one goes packed

export interface Submission {
  id: string;
  photo: string;
  prediction: string;
  /** Whole, or what it changed of the mask that the server gave out. */
  mask: Blob | (Changes & { subject?: string });
  strokes: StrokeNote[];
  seconds: number;
  /** The version this edit is based on; null for a new correction. */
  version: number | null;
}

export async function submitCorrection(correction: Submission, signal?: AbortSignal): Promise<Correction> {
  const form = new FormData();
  form.append("photo", correction.photo);
  form.append("prediction", correction.prediction);
  if (correction.mask instanceof Blob) form.append("mask", correction.mask, "mask.png");
  else appendChanges(form, correction.mask);
  const log = JSON.stringify(correction.strokes);
  if (log.length < LONG_LOG) form.append("strokes", log);
  else form.append("strokes", await packed(log), "strokes.json.gz");
  form.append("seconds", String(correction.seconds));
  // A first fix must not replace one that another device made meanwhile.
  const headers: Record<string, string> =
    correction.version === null ? { "If-None-Match": "*" } : { "If-Match": `"${correction.version}"` };
  return put<Correction>(`/api/v1/corrections/${correction.id}/`, form, { headers, signal });
}

function appendChanges(form: FormData, { png, left, top, sha256, subject }: Changes & { subject?: string }): void {
  form.append("changes", new Blob([png], { type: "image/png" }), "changes.png");
  for (const [name, value] of Object.entries({ left, top, sha256 })) form.append(name, String(value));
  if (subject) form.append("subject", subject);
}

async function packed(text: string): Promise<Blob> {
  const bytes = await through(new TextEncoder().encode(text), new CompressionStream("gzip"));
  return new Blob([bytes as BlobPart], { type: "application/gzip" });
}

/** A fix with the strokes and seconds that led to it. */
export const readCorrection = (id: string) => get<CorrectionDetail>(`/api/v1/corrections/${id}/`);

/** A mask's PNG as it is. */
export const readMaskBytes = (url: string, signal?: AbortSignal) => getBytes(url, { signal });

export async function readMask(url: string, signal?: AbortSignal): Promise<Plane> {
  return decodePng(await readMaskBytes(url, signal));
}

/** Corrections waiting for a review, the oldest first. */
export const listCorrectionsToReview = () => get<Page<ReviewItem>>("/api/v1/queue/review/");

export const reviewCorrection = (correction: Correction, verdict: Verdict, reason: string) =>
  post<Review>(`/api/v1/corrections/${correction.id}/review/`, { verdict, reason, version: correction.version });

/** Takes one's own verdict back: the correction waits again. */
export const withdrawReview = ({ id }: Correction) => remove<null>(`/api/v1/corrections/${id}/review/`);
