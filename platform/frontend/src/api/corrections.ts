import { decodePng } from "../editor/png";
import type { Plane } from "../editor/kernels";
import type { StrokeNote } from "../editor/stroke";
import { get, getBytes, post, put } from "./client";
import type { Correction, CorrectionDetail, Page, Review, ReviewItem, Verdict } from "./types";

export interface Submission {
  id: string;
  photo: string;
  prediction: string;
  mask: Blob;
  strokes: StrokeNote[];
  seconds: number;
  /** The version this edit is based on; null for a new correction. */
  version: number | null;
}

export function submitCorrection(correction: Submission, signal?: AbortSignal): Promise<Correction> {
  const form = new FormData();
  form.append("photo", correction.photo);
  form.append("prediction", correction.prediction);
  form.append("mask", correction.mask, "mask.png");
  form.append("strokes", JSON.stringify(correction.strokes));
  form.append("seconds", String(correction.seconds));
  // A first fix must not replace one that another device made meanwhile.
  const headers: Record<string, string> =
    correction.version === null ? { "If-None-Match": "*" } : { "If-Match": `"${correction.version}"` };
  return put<Correction>(`/api/v1/corrections/${correction.id}/`, form, { headers, signal });
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
