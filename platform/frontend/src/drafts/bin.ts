/** Drafts that were discarded: each can be had back for a day, on this device. */
import { database, stepsFrom, STRICT } from "./database";

export const KEPT_FOR = 24 * 60 * 60 * 1000; // milliseconds

const STORES = ["drafts", "bases", "steps", "sending", "discarded"] as const;

/** Takes a draft away, and what of it waits to be sent; one with strokes is kept for a day, which is answered. */
export async function discardDraft(photo: string, now = Date.now()): Promise<boolean> {
  const transaction = (await database()).transaction(STORES, "readwrite", STRICT);
  const [draft, base, steps] = await Promise.all([
    transaction.objectStore("drafts").get(photo),
    transaction.objectStore("bases").get(photo),
    transaction.objectStore("steps").getAll(stepsFrom(photo, 0)),
  ]);
  const kept = draft && base && steps.length > 0;
  if (kept) void transaction.objectStore("discarded").put({ photo, at: now, draft, base, steps });
  for (const name of ["drafts", "bases", "sending"] as const) void transaction.objectStore(name).delete(photo);
  void transaction.objectStore("steps").delete(stepsFrom(photo, 0));
  await transaction.done;
  return Boolean(kept);
}

/** Takes a draft away for good, and whatever of its photo lies in the bin. */
export async function forgetDraft(photo: string): Promise<void> {
  const transaction = (await database()).transaction(STORES, "readwrite", STRICT);
  for (const name of ["drafts", "bases", "sending", "discarded"] as const)
    void transaction.objectStore(name).delete(photo);
  void transaction.objectStore("steps").delete(stepsFrom(photo, 0));
  await transaction.done;
}

/** Brings a discarded draft back; false where it is gone, or where another one was begun since. */
export async function restoreDraft(photo: string, now = Date.now()): Promise<boolean> {
  const transaction = (await database()).transaction(STORES, "readwrite", STRICT);
  const [kept, another] = await Promise.all([
    transaction.objectStore("discarded").get(photo),
    transaction.objectStore("drafts").get(photo),
  ]);
  const there = kept !== undefined && !another && now - kept.at < KEPT_FOR;
  if (there) {
    void transaction.objectStore("drafts").put(kept.draft);
    void transaction.objectStore("bases").put(kept.base);
    for (const step of kept.steps) void transaction.objectStore("steps").put(step);
    void transaction.objectStore("discarded").delete(photo);
  }
  await transaction.done;
  return there;
}

/** The photos whose discarded draft can be had back. What is older than a day goes for good. */
export async function listDiscarded(now = Date.now()): Promise<string[]> {
  try {
    const store = (await database()).transaction("discarded", "readwrite").store;
    const photos: string[] = [];
    for (let cursor = await store.openCursor(); cursor; cursor = await cursor.continue()) {
      if (now - cursor.value.at < KEPT_FOR) photos.push(cursor.key);
      else await cursor.delete();
    }
    return photos;
  } catch {
    return []; // where nothing can be kept, nothing was
  }
}
