import { computed, reactive, ref } from "vue";
import { ApiError, sayError } from "../api/client";
import * as api from "../api/photos";
import type { Photo } from "../api/types";
import { discardDraft } from "../drafts/draft";
import { announce } from "./useAnnouncer";
import { createUploadQueue, type Upload } from "./uploadQueue";
import { useSession } from "./useSession";

export interface Card {
  id: string;
  upload: Upload | null;
  photo: Photo | null;
}

const photos = ref<Photo[]>([]);
const previews = reactive(new Map<string, string>());
const outlines = reactive(new Map<string, boolean>());
/** Of photos with several subjects the one that was chosen, as stickers are asked for it. */
const subjects = reactive(new Map<string, string>());
const next = ref<string | null>(null);
const error = ref("");
const loaded = ref(false);
const loadingMore = ref(false);

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
});

/** This session's photos: those on their way, and those that arrived. It outlives the page that shows them. */
export function usePhotos() {
  const cards = computed<Card[]>(() => [
    ...queue.uploads.map((upload) => ({ id: upload.id, upload, photo: null })),
    ...photos.value.map((photo) => ({ id: photo.id, upload: null, photo })),
  ]);
  return {
    ...{ cards, next, error, loaded, loadingMore, previews, outlines, subjects, queue },
    ...{ load, loadMore, put, remove, startOver },
  };
}

async function load(): Promise<void> {
  await page(undefined, true);
}

async function loadMore(): Promise<void> {
  if (!next.value || loadingMore.value) return;
  loadingMore.value = true;
  await page(next.value, false).finally(() => (loadingMore.value = false));
}

async function page(url: string | undefined, fresh: boolean): Promise<void> {
  error.value = "";
  try {
    await ready();
    const answer = await api.listPhotos(url);
    const known = new Set(fresh ? [] : photos.value.map(({ id }) => id));
    const arrived = answer.results.filter(({ id }) => !known.has(id));
    photos.value = fresh ? arrived : [...photos.value, ...arrived];
    next.value = answer.next;
    loaded.value = true;
  } catch (caught) {
    error.value = sayError(caught);
  }
}

function put(photo: Photo): void {
  const index = photos.value.findIndex(({ id }) => id === photo.id);
  if (index >= 0) photos.value[index] = photo;
  else photos.value.unshift(photo);
}

/** Answers how many sets of weights had learned from the photo, in words; empty when none had. */
async function remove(id: string): Promise<string> {
  let taught = 0;
  try {
    taught = (await api.deletePhoto(id)).weights_that_saw_it.length;
  } catch (caught) {
    if (!(caught instanceof ApiError && caught.status === 404)) throw caught; // gone already is gone
  }
  photos.value = photos.value.filter((photo) => photo.id !== id);
  forget(id);
  await discardDraft(id).catch(() => {}); // where nothing can be kept, there is no draft
  return taught ? `${taught} set${taught > 1 ? "s" : ""} of weights` : "";
}

/** Deletes everything this session made, on the server too. */
async function startOver(): Promise<void> {
  queue.clear();
  do {
    for (const { id } of [...photos.value]) await remove(id);
    await load();
    if (error.value) throw new Error(error.value);
  } while (photos.value.length);
}

function forget(id: string): void {
  const preview = previews.get(id);
  if (preview) URL.revokeObjectURL(preview);
  previews.delete(id);
  outlines.delete(id);
  subjects.delete(id);
}
