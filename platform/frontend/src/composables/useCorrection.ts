import { ApiError } from "../api/client";
import { submitCorrection } from "../api/corrections";
import { readPhoto } from "../api/photos";
import type { Correction, Photo } from "../api/types";
import type { StrokeNote } from "../editor/stroke";

export interface Work {
  mask: Blob;
  strokes: StrokeNote[];
  seconds: number;
}

/** The correction was changed elsewhere, in another tab perhaps. */
export class Conflict extends Error {
  override name = "Conflict";

  constructor(readonly latest: Photo) {
    super("This fix was changed somewhere else in the meantime.");
  }
}

/** Saves the fix of one photo. The id is made once, so saving again after a lost answer makes no second fix. */
export function createCorrection(photo: Photo, send = submitCorrection, read = readPhoto) {
  let id = photo.correction?.id ?? crypto.randomUUID();
  let version = photo.correction?.version ?? null;
  let mine = version === null;

  /** Raises Conflict when someone else's version would be lost; raises ApiError for everything else. */
  async function save(work: Work): Promise<Correction> {
    try {
      return await attempt(work);
    } catch (error) {
      if (!(error instanceof ApiError) || !["stale_correction", "correction_exists"].includes(error.code)) throw error;
      const latest = await read(photo.id);
      if (!latest.correction) throw error;
      // Our own first save arrived although its answer did not: go on from there.
      const ours = mine && latest.correction.id === id && latest.correction.version === 1;
      if (!ours) throw new Conflict(latest);
      version = latest.correction.version;
      return await attempt(work);
    }
  }

  /** The next save replaces what stands on the server. */
  function overwrite(latest: Photo): void {
    if (!latest.correction) return;
    id = latest.correction.id;
    version = latest.correction.version;
  }

  async function attempt(work: Work): Promise<Correction> {
    const prediction = photo.prediction?.id ?? "";
    const saved = await send({ id, photo: photo.id, prediction, version, ...work });
    version = saved.version;
    mine = false;
    return saved;
  }

  return { save, overwrite };
}
