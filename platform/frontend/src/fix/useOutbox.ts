import { readonly, ref } from "vue";
import { readPhoto } from "../api/photos";
import type { Correction } from "../api/types";
import type { SendingState } from "../drafts/database";
import { discardDraft, forgetDraft } from "../drafts/bin";
import { listSending, sendWaiting, submitFix, withdraw, type Fix, type Outcome } from "../drafts/outbox";
import { announce, notify } from "../common/composables/useAnnouncer";
import { whenBack } from "../common/composables/useConnection";
import { usePhotos } from "../maker/usePhotos";

export interface Sending {
  photo: string;
  name: string;
  state: SendingState;
  error: string;
}

type Saved = (photo: string, correction: Correction) => void;

const FIRST_PAUSE = 2; // seconds
const LONGEST_PAUSE = 60;

const rows = ref<Sending[]>([]);
const listeners = new Set<Saved>();
let channel: BroadcastChannel | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;
let pause = FIRST_PAUSE;
let sending = false;

/** The fixes on their way: sent as soon as the network lets them, whichever page is open. */
export function useOutbox() {
  return { rows: readonly(rows), start, submit, sendNow, takeBack, takeBackIfStuck, discard, forget, onSaved };
}

/** Begins to send what waits, and goes on for as long as the page lives. Answers how to stop. */
function start(): () => void {
  channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("stickersnap-fixes");
  if (channel) channel.onmessage = ({ data }) => (data ? tell(data.photo, data.correction) : void refresh());
  const stop = whenBack(() => void sendNow());
  void sendNow();
  return () => {
    stop();
    clearTimeout(timer);
    channel?.close();
  };
}

async function submit(fix: Fix): Promise<Outcome> {
  const outcome = await submitFix(fix);
  if (outcome.kind === "saved") spread(fix.photo, outcome.correction);
  if (outcome.kind === "waiting") later(outcome.error.retryAfter);
  await refresh();
  return outcome;
}

async function sendNow(): Promise<void> {
  clearTimeout(timer);
  await refresh();
  if (sending || !rows.value.some(({ state }) => state === "waiting")) return;
  sending = true;
  try {
    for (const { row, outcome } of await sendWaiting()) await report(row.photo, row.name, outcome);
  } catch {
    later(null);
  } finally {
    sending = false;
    await refresh();
  }
}

async function report(photo: string, name: string, outcome: Outcome): Promise<void> {
  if (outcome.kind === "waiting") return later(outcome.error.retryAfter);
  pause = FIRST_PAUSE;
  if (outcome.kind === "conflict") return notify(`The fix of ${name} was changed elsewhere. Choose which to keep.`);
  if (outcome.kind === "refused") return notify(`The fix of ${name} was not taken.`, "is-danger");
  spread(photo, outcome.correction);
  notify(`The fix of ${name} is saved.`);
  const { cards, put } = usePhotos();
  if (cards.value.some(({ id }) => id === photo)) put(await readPhoto(photo));
}

/** Takes a fix back from the queue, to be painted on; its draft stays. */
async function takeBack(photo: string): Promise<void> {
  await withdraw(photo).catch(() => {});
  await refresh();
}

/** Someone is looking after it: what was refused, or waits for a choice, is no longer the queue's matter. */
async function takeBackIfStuck(photo: string): Promise<void> {
  if (rows.value.some((row) => row.photo === photo && row.state !== "waiting")) await takeBack(photo);
}

/** Somebody wants their strokes gone; for a day they can be had back. True where they were kept for that. */
async function discard(photo: string): Promise<boolean> {
  const kept = await discardDraft(photo).catch(() => false);
  await refresh();
  return kept;
}

/** The draft is done with. */
async function forget(photo: string): Promise<void> {
  await forgetDraft(photo).catch(() => {});
  await refresh();
}

function onSaved(listener: Saved): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function spread(photo: string, correction: Correction): void {
  tell(photo, correction);
  channel?.postMessage({ photo, correction: { ...correction } });
}

function tell(photo: string, correction: Correction): void {
  for (const listener of listeners) listener(photo, correction);
  void refresh();
}

function later(retryAfter: number | null): void {
  clearTimeout(timer);
  timer = setTimeout(() => void sendNow(), 1000 * Math.max(pause, retryAfter ?? 0));
  pause = Math.min(pause * 2, LONGEST_PAUSE);
}

async function refresh(): Promise<void> {
  const before = rows.value.length;
  try {
    const found = await listSending();
    rows.value = found.map(({ photo, name, state, error }) => ({ photo, name, state, error }));
  } catch {
    rows.value = []; // nothing can be kept in this browser, so nothing waits
  }
  if (before && !rows.value.length) announce("Everything is sent.");
}
