/** What is computed off the main thread: each job is data in, data out, on a small picture of a part of the photo. */
import { floodFill } from "./tools/flood";
import { hairBrush } from "./tools/hair";
import { blend, type Plane, type Point } from "./tools/kernels";
import { refine, type Refinement } from "./tools/morphology";
import { smartStroke } from "./tools/smart";

export interface Picture {
  width: number;
  height: number;
  /** 4 bytes a pixel. */
  rgba: Uint8ClampedArray;
  /** The mask as it is. */
  alpha: Uint8ClampedArray;
}

/** Points and lengths are in the picture's pixels; `keep` is true for "this", false for "not this". */
export type Job =
  | ({ kind: "smart"; points: Point[]; reach: number; keep: boolean } & Picture)
  | ({ kind: "hair"; points: Point[]; radius: number } & Picture)
  | ({ kind: "fill"; at: Point; tolerance: number; opacity: number; keep: boolean } & Picture)
  | { kind: "refine"; how: Refinement; radius: number; plane: Plane };

/** The mask after the job, at the size of the job's picture. */
export function perform(job: Job): Uint8ClampedArray {
  switch (job.kind) {
    case "smart":
      return smartStroke(job);
    case "hair":
      return hairBrush(job);
    case "fill": {
      const filled = floodFill(job.rgba, job.width, job.height, job.at, job.tolerance);
      return job.alpha.map((value, i) => blend(value, job.keep ? 255 : 0, filled[i] * job.opacity));
    }
    case "refine":
      return refine(job.plane, job.how, job.radius).data;
  }
}
