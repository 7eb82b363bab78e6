import { computed, reactive, ref } from "vue";
import { ApiError, sayError } from "../api/client";
import { deletePack, listPacks } from "../api/packs";
import * as api from "../api/photos";
import type { Photo } from "../api/types";
import { discardDraft, forgetDraft, restoreDraft } from "../drafts/bin";
import { adoptUploads, forgetUpload, keepUploads } from "../drafts/uploads";
import { forgetStickers, lookForStickers } from "./knownStickers";
import { announce } from "../common/composables/useAnnouncer";
import { whenBack } from "../common/composables/useConnection";
import { createUploadQueue, type Upload } from "./uploadQueue";
import { useLooks } from "./useLooks";
import { useSession } from "../common/composables/useSession";

export interface Card {
  id: string;
  upload: Upload | null;
  photo: Photo | null;
}

/** What became of a photo that was deleted: how to have it back, and how to let it go for good. */
export interface Removed {
  /** How many sets of weights had learned from it, in words; empty when none had. */
  taught: string;
  undo: () => Promise<void>;
  over: () => void;
}

const photos = ref<Photo[]>([]);
const previews = reactive(new Map<string, string>());
/** Of photos with several subjects the one that was chosen, as stickers are asked for it. */
const subjects = reactive(new Map<string, string>());
const next = ref<string | null>(null);
const error = ref("");
const loaded = ref(false);
const loadingMore = ref(false);
let unreached = false;

// Two first requests at once would begin two sessions, and what the first one brought would be lost to this browser.
const { ready } = useSession();

const queue = createUploadQueue({
  async send(...photo) {
    await ready();
    return api.sendPhoto(...photo);
  },
  done(photo, upload) {
    previews.set(photo.id, upload.preview);
    put(photo);
    announce(`${photo.name} is ready.`);
  },
  store: {
    keep: (uploads) => void keepUploads(uploads.map(({ id, file }) => ({ id, file }))),
    forget: (id) => void forgetUpload(id),
  },
});

/** This session's photos: those on their way, and those that arrived. It outlives the page that shows them. */
export function usePhotos() {
  const cards = computed<Card[]>(() => [
    ...queue.uploads.map((upload) => ({ id: upload.id, upload, photo: null })),
    ...photos.value.map((photo) => ({ id: photo.id, upload: null, photo })),
  ]);
  return {
    ...{ cards, next, error, loaded, loadingMore, previews, subjects, queue },
    ...{ start, load, loadMore, find, put, remove, startOver },
  };
}

/** Goes on with what an earlier page had not sent, and again whenever the server is back. Answers how to stop. */
function start(): () => void {
  const warn = (event: BeforeUnloadEvent) => queue.unsent() && event.preventDefault();
  window.addEventListener("beforeunload", warn);
  adoptUploads((waiting) => {
    const count = queue.resume(waiting).length;
    if (count) announce(count === 1 ? "One photo goes on being sent." : `${count} photos go on being sent.`);
  }).catch(console.warn);
  const stop = whenBack(() => {
    queue.retryUnreached();
    if (unreached) void load();
  });
  return () => {
    window.removeEventListener("beforeunload", warn);
    stop();
  };
}

/** Reads the photos anew, as far down as they were shown. */
async function load(): Promise<void> {
  const shown = loaded.value ? photos.value.length : 0;
  await page(undefined, true);
  while (!error.value && next.value && photos.value.length < shown) await page(next.value, false);
}

async function loadMore(): Promise<void> {
  if (!next.value || loadingMore.value) return;
  loadingMore.value = true;
  await page(next.value, false).finally(() => (loadingMore.value = false));
}

async function page(url: string | undefined, fresh: boolean): Promise<void> {
  error.value = "";
  unreached = false;
  try {
    await ready();
    const answer = await api.listPhotos(url);
    await lookForStickers(answer.results).catch(console.warn); // then they are made anew
    const known = new Set(fresh ? [] : photos.value.map(({ id }) => id));
    const arrived = answer.results.filter(({ id }) => !known.has(id));
    photos.value = fresh ? arrived : [...photos.value, ...arrived];
    next.value = answer.next;
    loaded.value = true;
  } catch (caught) {
    unreached = caught instanceof ApiError && caught.status === 0;
    error.value = sayError(caught);
  }
}

/** Reads on until a photo is among those shown; false where it is not there. */
async function find(id: string): Promise<boolean> {
  const there = () => photos.value.some((photo) => photo.id === id);
  while (!there() && next.value && !error.value) await loadMore();
  return there();
}

function put(photo: Photo): void {
  const index = photos.value.findIndex(({ id }) => id === photo.id);
  if (index >= 0) photos.value[index] = photo;
  else photos.value.unshift(photo);
}

/** Deletes a photo and the draft of its fix so that both can be had back for a while. */
async function remove(id: string): Promise<Removed> {
  const taught = await gone(api.trashPhoto(id));
  const index = photos.value.findIndex((photo) => photo.id === id);
  photos.value = photos.value.filter((photo) => photo.id !== id);
  const drafted = await discardDraft(id).catch(() => false); // where nothing can be kept, there is no draft
  return {
    taught: taught ? `${taught} set${taught > 1 ? "s" : ""} of weights` : "",
    async undo() {
      const photo = await api.restorePhoto(id);
      if (drafted) await restoreDraft(id);
      photos.value.splice(Math.min(index, photos.value.length), 0, photo);
    },
    over: () => void forget(id),
  };
}

/** How many sets of weights had learned from it. Gone already is gone. */
async function gone(deleting: ReturnType<typeof api.deletePhoto>): Promise<number> {
  try {
    return (await deleting).weights_that_saw_it.length;
  } catch (caught) {
    if (caught instanceof ApiError && caught.status === 404) return 0;
    throw caught;
  }
}

/** Deletes everything this session made, on the server too, for good. */
async function startOver(): Promise<void> {
  queue.clear();
  for (const { id } of await listPacks()) await deletePack(id);
  do {
    for (const { id } of [...photos.value]) {
      await gone(api.deletePhoto(id));
      photos.value = photos.value.filter((photo) => photo.id !== id);
      await forget(id);
    }
    await load();
    if (error.value) throw new Error(error.value);
  } while (photos.value.length);
}

async function forget(id: string): Promise<void> {
  const preview = previews.get(id);
  if (preview) URL.revokeObjectURL(preview);
  previews.delete(id);
  useLooks().forgetLook(id);
  subjects.delete(id);
  forgetStickers(id);
  await forgetDraft(id).catch(() => {});
}
