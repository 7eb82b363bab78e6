/** Fixes on their way to the server. Each is on this device's disk until the server has said that it is on its own. */
import { ApiError, sayError } from "../api/client";
import { readMaskBytes, submitCorrection } from "../api/corrections";
import { readPhoto } from "../api/photos";
import { giveConsent, giveConsentTo, readSession } from "../api/session";
import type { Correction, Photo } from "../api/types";
import { changedPlane, sha256 } from "../editor/changes";
import { decodePng, encodePng } from "../editor/png";
import { samePlane } from "../editor/merge";
import { isOpen } from "./tabs";
import { database, stepsFrom, STRICT, type SendingRow } from "./database";

export type Fix = Omit<SendingRow, "attempted" | "state" | "error" | "at">;

export type Outcome =
  | { kind: "saved"; correction: Correction }
  /** Not there yet. `kept`: it is in the queue, on this device's disk. */
  | { kind: "waiting"; error: ApiError; kept: boolean }
  | { kind: "conflict"; latest: Photo }
  | { kind: "refused"; error: ApiError };

const SERVER = { submitCorrection, readPhoto, readMaskBytes, giveConsent, giveConsentTo, readSession };
const ATTEMPTS_KEPT = 4;
const ANSWER_WITHIN = 120_000; // milliseconds

/** Keeps a fix on this device, then tries to send it. Safe to be ended at any moment and done again. */
export async function submitFix(fix: Fix, server = SERVER): Promise<Outcome> {
  const { row, kept } = await enqueue(fix);
  const outcome = await alone(() => send(row, server));
  return outcome.kind === "waiting" ? { ...outcome, kept } : outcome;
}

/** Sends what waits; answers what became of each fix. */
export async function sendWaiting(server = SERVER): Promise<{ row: SendingRow; outcome: Outcome }[]> {
  return alone(async () => {
    const outcomes: { row: SendingRow; outcome: Outcome }[] = [];
    for (const row of await listSending()) {
      if (row.state !== "waiting") continue;
      const outcome = await send(row, server);
      outcomes.push({ row, outcome });
      if (outcome.kind === "waiting") break; // the next would not get there either
    }
    return outcomes;
  });
}

export async function listSending(): Promise<SendingRow[]> {
  const db = await database();
  return (await db.getAll("sending")).sort((a, b) => a.at - b.at);
}

/** Takes a fix back from the queue; its draft stays. */
export async function withdraw(photo: string): Promise<void> {
  const db = await database();
  await db.delete("sending", photo);
}

async function enqueue(fix: Fix): Promise<{ row: SendingRow; kept: boolean }> {
  const row: SendingRow = { ...fix, attempted: [], state: "waiting", error: "", at: Date.now() };
  try {
    const db = await database();
    const transaction = db.transaction("sending", "readwrite", STRICT);
    const before = await transaction.store.get(fix.photo);
    if (before) {
      row.consent ??= before.consent;
      const tried = before.correction === fix.correction ? [...before.attempted, traceOf(before)] : [];
      row.attempted = tried.slice(-ATTEMPTS_KEPT);
    }
    await transaction.store.put(row);
    await transaction.done;
    return { row, kept: true };
  } catch {
    return { row, kept: false }; // it is sent all the same, and the draft's own warning stands
  }
}

/** One tab sends at a time. */
async function alone<Answer>(work: () => Promise<Answer>): Promise<Answer> {
  return navigator.locks ? await navigator.locks.request("stickersnap-sending", work) : work();
}

async function send(row: SendingRow, server: typeof SERVER): Promise<Outcome> {
  try {
    const correction = await put(row, server);
    await acknowledged(row, correction);
    return { kind: "saved", correction };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (!["stale_correction", "correction_exists"].includes(error.code)) {
      if (passing(error)) return { kind: "waiting", error, kept: true };
      await mark(row, "refused", sayError(error));
      return { kind: "refused", error };
    }
    return settle(row, error, server);
  }
}

async function put(row: SendingRow, server: typeof SERVER): Promise<Correction> {
  try {
    return await submit(row, server);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code === "other_base") return submit({ ...row, mask: await wholeMask(row), changes: undefined }, server);
    if (error.code !== "csrf") throw error;
    await server.readSession(); // brings a fresh cookie
    return submit(row, server);
  }
}

async function submit(row: SendingRow, server: typeof SERVER): Promise<Correction> {
  if (row.consent === "photo") await server.giveConsentTo(row.photo, true);
  else if (row.consent !== null) await server.giveConsent(row.consent);
  const { changes, subject } = row;
  const mask = changes ? { ...changes, subject } : new Blob([row.mask], { type: "image/png" });
  return server.submitCorrection({ ...row, id: row.correction, mask }, AbortSignal.timeout(ANSWER_WITHIN));
}

async function wholeMask({ mask, changes }: SendingRow): Promise<ArrayBuffer> {
  return changes ? (await encodePng(await changedPlane(mask, changes))).arrayBuffer() : mask;
}

/** By what a mask that was sent is known again. */
const traceOf = ({ mask, changes }: SendingRow) => changes?.sha256 ?? mask;

/** The version differs. When what stands there is what this device sent before, it goes on from that. */
async function settle(row: SendingRow, error: ApiError, server: typeof SERVER): Promise<Outcome> {
  try {
    const latest = await server.readPhoto(row.photo);
    const there = latest.correction;
    if (!there) return { kind: "refused", error };
    if (there.id === row.correction && (await isOurs(row, there, server))) {
      row.version = there.version;
      return send(row, server);
    }
    await mark(row, "conflict", "It was changed somewhere else meanwhile.");
    return { kind: "conflict", latest };
  } catch (caught) {
    if (caught instanceof ApiError && passing(caught)) return { kind: "waiting", error: caught, kept: true };
    throw caught;
  }
}

async function isOurs(row: SendingRow, there: Correction, server: typeof SERVER): Promise<boolean> {
  if (there.version === row.version) return false;
  const theirs = await decodePng(await server.readMaskBytes(there.mask_url));
  for (const trace of [traceOf(row), ...row.attempted]) {
    const same =
      typeof trace === "string" ? trace === (await sha256(theirs)) : samePlane(await decodePng(trace), theirs);
    if (same) return true;
  }
  return false;
}

/** On the server: the draft goes, unless it is open or was painted on; then it rests on what was saved. */
async function acknowledged(row: SendingRow, correction: Correction): Promise<void> {
  try {
    const open = await isOpen(row.photo);
    const db = await database();
    const transaction = db.transaction(["drafts", "bases", "steps", "sending"], "readwrite", STRICT);
    const [queued, draft] = await Promise.all([
      transaction.objectStore("sending").get(row.photo),
      transaction.objectStore("drafts").get(row.photo),
    ]);
    const served = `${correction.id} ${correction.version}`;
    if (queued && queued.at === row.at) await transaction.objectStore("sending").delete(row.photo);
    else if (queued) await transaction.objectStore("sending").put({ ...queued, version: correction.version });
    if (draft && !open && draft.revision === row.revision) {
      await transaction.objectStore("drafts").delete(row.photo);
      await transaction.objectStore("bases").delete(row.photo);
      await transaction.objectStore("steps").delete(stepsFrom(row.photo, 0));
    } else if (draft) {
      await transaction.objectStore("drafts").put({ ...draft, served, version: correction.version });
    }
    await transaction.done;
  } catch {
    // It is on the server. What stays here is met again when the photo is opened, and recognised.
  }
}

async function mark(row: SendingRow, state: "conflict" | "refused", error: string): Promise<void> {
  Object.assign(row, { state, error });
  const db = await database();
  const transaction = db.transaction("sending", "readwrite", STRICT);
  const queued = await transaction.store.get(row.photo);
  if (queued?.at === row.at) await transaction.store.put(row);
  await transaction.done;
}

/** Worth trying again by itself: no connection, too busy, or something broke over there. */
function passing(error: ApiError): boolean {
  return error.status === 0 || error.status === 429 || error.status >= 500;
}
