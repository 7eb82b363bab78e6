/** What the HTTP API says, in the shapes of docs/openapi.yaml. */

export type Role = "person" | "reviewer" | "operator";

export interface User {
  username: string;
  role: Role;
}

export interface Session {
  user: User | null;
  consent: boolean;
  consent_asked: boolean;
}

export interface Page<Item> {
  count: number;
  next: string | null;
  previous: string | null;
  results: Item[];
}

export interface Prediction {
  id: string;
  mask_url: string;
  weights: string;
  device: string;
  uncertainty: number;
  subject_found: boolean;
  created_at: string;
}

export type CorrectionState = "private" | "waiting" | "approved" | "rejected";

export interface Correction {
  id: string;
  mask_url: string;
  version: number;
  state: CorrectionState;
  reason: string;
  created_at: string;
}

export interface Photo {
  id: string;
  name: string;
  width: number;
  height: number;
  image_url: string;
  consent: boolean;
  created_at: string;
  prediction: Prediction | null;
  correction: Correction | null;
}

export interface DeletedPhoto {
  deleted: string;
  weights_that_saw_it: string[];
}

export type Target = "png" | "whatsapp" | "telegram";

export interface Sticker {
  id: string;
  photo: string;
  file_url: string;
  target: Target;
  outline: boolean;
  width: number;
  height: number;
  bytes: number;
  filename: string;
  notes: string[];
}

export interface ReviewItem {
  correction: Correction;
  photo: Photo;
  prediction: Prediction;
  iou: number;
  seconds: number;
}

export interface Review {
  id: string;
  verdict: "approve" | "reject";
  reason: string;
  reviewer: string;
  created_at: string;
}

export interface Readiness {
  status: string;
  weights: string;
  device: string;
}

export interface CurrentWeights {
  sha256: string;
  network: string;
  device: string;
  metrics: Record<string, number>;
  dataset_version: number | null;
  run: string | null;
  deployed_at: string;
  deployment: string;
}

export interface Evidence {
  champion: Record<string, number | string>;
  challenger: Record<string, number | string>;
  heldout: number;
  gain: number;
  gain_low: number;
}

export interface Decision {
  id: string;
  passed: boolean;
  reason: string;
  champion: string;
  challenger: string;
  evidence: Evidence;
  created_at: string;
}

export type RunState = "queued" | "freezing" | "training" | "deciding" | "promoted" | "refused" | "failed";

export type Curve = [epoch: number, value: number][];

export interface Run {
  id: string;
  state: RunState;
  message: string;
  network: string;
  dataset_version: number | null;
  samples: number | null;
  heldout: number | null;
  started_at: string | null;
  finished_at: string | null;
  created_at: string;
  mlflow_run_id: string | null;
  curves: { train_loss: Curve; val_iou: Curve };
  decision: Decision | null;
  weights: string | null;
}

export interface Deployment {
  id: string;
  weights: string;
  network: string;
  created_at: string;
  current: boolean;
  decision: Decision | null;
  rollback_of: string | null;
  by: string;
}
