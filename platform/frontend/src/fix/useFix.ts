import { onUnmounted, ref, shallowRef } from "vue";
import { ApiError, sayError } from "../api/client";
import { readCorrection, readMaskBytes } from "../api/corrections";
import { readPhoto } from "../api/photos";
import type { Correction, Photo, Prediction } from "../api/types";
import { servedOf, type BaseRow, type SendingRow } from "../drafts/database";
import { listDiscarded, restoreDraft } from "../drafts/bin";
import { beginDraft, resumeDraft, storedDraft, type Draft, type Keeping } from "../drafts/draft";
import { claimPhoto, type Claim } from "../drafts/tabs";
import type { Editor } from "../editor/editor";
import { History } from "../editor/history";
import type { Plane } from "../editor/tools/kernels";
import { loadImage } from "../editor/load";
import { samePlane, union } from "../editor/merge";
import { decodePng, encodePng } from "../editor/png";
import { Snapshot } from "../editor/view/snapshot";
import type { StrokeNote } from "../editor/stroke";
import { announce } from "../common/composables/useAnnouncer";
import { whenBack } from "../common/composables/useConnection";
import { useOutbox } from "./useOutbox";

export interface Opened {
  photo: Photo;
  image: HTMLImageElement;
  plane: Plane;
  /** The mask as it was before the draft. */
  before: Snapshot;
  history: History<StrokeNote>;
  draft: Draft;
}

/** Another mask stands on the server: which is to be kept? */
export interface Choice {
  latest: Photo;
  mine: Plane;
  theirs: Plane;
  /** Both, where they don't touch. */
  both: Plane | null;
  /** The choice stands between the person and their save. */
  saving: boolean;
}

export type Side = "mine" | "theirs" | "both";
/** `whole`: nothing was painted while it was on its way. */
export type SaveResult = { kind: "saved"; correction: Correction; whole: boolean } | { kind: "queued" } | null;

const STROKES_AT_MOST = 20_000; // that the server takes
const CLAIM_TRIES = 4; // a reloaded page's predecessor needs a moment to let go
const CLAIM_PAUSE = 150; // milliseconds

/** One photo's fix: opened, written down stroke by stroke, saved. A first one begins on the subject that was chosen. */
export function useFix(photoId: string, subject = "all") {
  const outbox = useOutbox();
  const opened = shallowRef<Opened | null>(null);
  const choice = shallowRef<Choice | null>(null);
  const keeping = shallowRef<Keeping>({ writing: false, problem: "" });
  const error = ref("");
  const elsewhere = ref<"" | "open" | "taken">("");
  /** The photo can't be had, but there is a draft of its fix. */
  const orphan = ref(false);
  /** A draft of this photo was discarded and can be had back, as long as no other one is begun. */
  const discarded = ref(false);
  let unreached = false;
  let claim: Claim | null = null;
  let editor: Editor | null = null;

  whenBack(() => unreached && void open());
  const forget = outbox.onSaved((photo, correction) => {
    if (photo === photoId) void rest(`${correction.id} ${correction.version}`, correction.id, correction.version);
  });
  onUnmounted(() => {
    forget();
    close();
  });

  /** Opens the photo, or goes on with its draft. `steal` takes it from another tab. */
  async function open(steal = false): Promise<void> {
    close();
    error.value = "";
    elsewhere.value = "";
    orphan.value = false;
    choice.value = null;
    unreached = false;
    let stored: Awaited<ReturnType<typeof storedDraft>> = null;
    try {
      claim = await claimSoon(photoId, steal, lose);
      if (!claim) return void (elsewhere.value = "open");
      stored = await storedDraft(photoId);
      discarded.value = !stored && (await listDiscarded()).includes(photoId);
      const photo = await latestOf(photoId, stored?.row.about ?? null);
      const [image, base] = await Promise.all([loadImage(photo.image_url), stored?.base ?? readBase(photo, subject)]);
      const plane = await decodePng(base.mask);
      const before = new Snapshot(plane);
      const { draft, steps, done } = stored
        ? await resumeDraft(stored, plane)
        : { draft: await beginDraft(photo, base), steps: [], done: 0 };
      draft.onChange = keep;
      keep(draft.keeping);
      const history = new History<StrokeNote>(plane, { keeper: draft, steps, done });
      opened.value = { photo, image, plane, before, history, draft };
      if (stored) {
        announce(`Your draft is back, with ${done === 1 ? "one stroke" : `${done} strokes`}.`);
        await outbox.takeBackIfStuck(photoId);
        if (stored.row.served !== servedOf(photo)) await ask(photo, false);
      }
    } catch (caught) {
      close();
      error.value = sayError(caught);
      unreached = caught instanceof ApiError && caught.status === 0;
      orphan.value = stored !== null;
    }
  }

  /** Goes on with the draft that was discarded. */
  async function bringBack(): Promise<void> {
    if (await restoreDraft(photoId).catch(() => false)) await open();
    else discarded.value = false;
  }

  /** The mask of a draft whose photo can't be had. */
  async function rescue(): Promise<Blob> {
    const stored = await storedDraft(photoId);
    if (!stored) throw new Error("There is no draft of this photo any more.");
    const plane = await decodePng(stored.base.mask);
    await resumeDraft(stored, plane);
    return encodePng(plane);
  }

  function attach(engine: Editor): void {
    editor = engine;
    if (opened.value) opened.value.draft.seconds = () => engine.seconds;
  }

  /** Sends the fix, or leaves it to the queue. Null when a choice or an error stands in the way. */
  async function save(consent: SendingRow["consent"] = null): Promise<SaveResult> {
    if (!opened.value || !editor) return null;
    const { photo, draft } = opened.value;
    const { row, base } = draft;
    error.value = "";
    const changes = await editor.changes();
    const mask = changes ? base.mask : await (await editor.mask()).arrayBuffer();
    await draft.settled();
    const { revision } = row;
    const outcome = await outbox.submit({
      photo: photo.id,
      name: photo.name,
      correction: row.correction,
      version: row.version,
      prediction: row.prediction,
      mask,
      ...(changes ? { changes, subject: base.subject } : {}),
      strokes: [...base.strokes, ...editor.strokes].slice(-STROKES_AT_MOST),
      seconds: editor.seconds,
      consent,
      revision,
    });
    switch (outcome.kind) {
      case "saved": {
        const whole = row.revision === revision;
        if (whole) {
          editor.markSaved();
          await drop();
          await outbox.forget(photoId);
        }
        return { kind: "saved", correction: outcome.correction, whole };
      }
      case "waiting":
        if (outcome.kept) return { kind: "queued" };
        throw outcome.error;
      case "conflict":
        await outbox.takeBack(photo.id);
        await ask(outcome.latest, true);
        return null;
      case "refused":
        await outbox.takeBack(photo.id);
        throw outcome.error;
    }
  }

  /** What stands on the server is asked about, unless it is the very mask that stands here. */
  async function ask(latest: Photo, saving: boolean): Promise<void> {
    const { plane, draft } = opened.value!;
    const url = latest.correction?.mask_url ?? maskUrl(latest.prediction!, subject);
    const theirs = await decodePng(await readMaskBytes(url));
    if (samePlane(theirs, plane)) return restOn(latest);
    const base = await decodePng(draft.base.mask);
    choice.value = { latest, mine: plane, theirs, both: union(base, plane, theirs), saving };
  }

  /** Settles a choice; true when the save that it stood in the way of is to go on. */
  async function settle(side: Side): Promise<boolean> {
    const { latest, both, saving } = choice.value!;
    choice.value = null;
    if (side === "theirs") {
      await discard();
      await open();
      return false;
    }
    if (side === "both" && both) editor?.replace(both, "merge");
    await restOn(latest);
    return saving;
  }

  /** Throws the draft away; for a day it can be had back, which is answered. */
  async function discard(): Promise<boolean> {
    await drop();
    return outbox.discard(photoId);
  }

  /** Nothing more is written. */
  async function drop(): Promise<void> {
    opened.value?.draft.close();
    await opened.value?.draft.settled();
  }

  const restOn = (latest: Photo) =>
    rest(servedOf(latest), latest.correction?.id ?? null, latest.correction?.version ?? null);

  /** From now on the fix rests on, and its next save replaces, what the server has. */
  async function rest(served: string, id: string | null, version: number | null): Promise<void> {
    const draft = opened.value?.draft;
    await draft?.rebase(served, id ?? draft.row.correction, version);
  }

  function keep(now: Keeping): void {
    if (now.problem && now.problem !== keeping.value.problem) announce(now.problem);
    keeping.value = now;
  }

  function lose(): void {
    close();
    elsewhere.value = "taken";
    announce("Another tab has taken over this fix.");
  }

  function close(): void {
    opened.value?.draft.close();
    opened.value = null;
    editor = null;
    claim?.release();
    claim = null;
  }

  return {
    ...{ opened, choice, keeping, error, elsewhere, orphan, discarded },
    ...{ open, bringBack, rescue, attach, save, settle, discard },
  };
}

async function claimSoon(photo: string, steal: boolean, lost: () => void): Promise<Claim | null> {
  for (let tries = 1; ; tries++) {
    const claim = await claimPhoto(photo, { steal, lost });
    if (claim || tries === CLAIM_TRIES) return claim;
    await new Promise((resolve) => setTimeout(resolve, CLAIM_PAUSE));
  }
}

/** The photo as the server has it; without a connection as the draft remembers it. */
async function latestOf(id: string, remembered: Photo | null): Promise<Photo> {
  try {
    return await readPhoto(id);
  } catch (error) {
    if (remembered && error instanceof ApiError && (error.status === 0 || error.passing)) return remembered;
    throw error;
  }
}

function maskUrl({ mask_url }: Prediction, subject: string): string {
  return subject === "all" ? mask_url : `${mask_url}&subject=${encodeURIComponent(subject)}`;
}

/** What a new draft begins on: the correction with its log, or the prediction. */
async function readBase({ correction, prediction }: Photo, subject: string): Promise<Omit<BaseRow, "photo">> {
  const url = correction?.mask_url ?? (prediction && maskUrl(prediction, subject));
  if (!url) throw new Error("This photo has no mask yet. Go back and try again in a moment.");
  const [mask, before] = await Promise.all([readMaskBytes(url), correction ? readCorrection(correction.id) : null]);
  return { mask, subject, strokes: before?.strokes ?? [], seconds: before?.seconds ?? 0 };
}
