import { computed, ref, shallowRef } from "vue";
import { ApiError, sayError } from "../api/client";
import { listCorrectionsToReview, readMask, reviewCorrection, withdrawReview } from "../api/corrections";
import type { ReviewItem, Verdict } from "../api/types";
import { resample, type Plane } from "../editor/tools/kernels";
import { loadImage } from "../editor/load";
import { whenBack } from "../common/composables/useConnection";

/** A correction with its pictures, small enough to be looked at. */
export interface Pictures {
  image: HTMLImageElement;
  width: number;
  height: number;
  before: Plane;
  after: Plane;
}

const LONGEST_SIDE = 800;

/** What waits for a review, one by one; the next one's pictures are fetched while a person looks at this one. */
export function useReviewQueue() {
  const items = ref<ReviewItem[]>([]);
  const waiting = ref(0);
  const pictures = shallowRef<Pictures | null>(null);
  const loading = ref(true);
  const busy = ref(false);
  const error = ref("");
  /** What was decided here last; it can be taken back. */
  const last = shallowRef<{ item: ReviewItem; verdict: Verdict } | null>(null);
  const fetched = new Map<string, Promise<Pictures>>();
  const skipped = new Set<string>();

  const current = computed<ReviewItem | null>(() => items.value[0] ?? null);
  whenBack(() => error.value && void load());

  async function load(): Promise<void> {
    loading.value = true;
    error.value = "";
    try {
      const page = await listCorrectionsToReview();
      const fresh = page.results.filter(({ correction }) => !skipped.has(correction.id));
      if (!fresh.length) skipped.clear(); // all were skipped: begin again
      items.value = fresh.length ? fresh : page.results;
      waiting.value = page.count;
      await show();
    } catch (caught) {
      error.value = sayError(caught);
    } finally {
      loading.value = false;
    }
  }

  async function show(): Promise<void> {
    pictures.value = null;
    const item = current.value;
    if (!item) return;
    try {
      const ready = await fetchPictures(item);
      if (current.value?.correction.id === item.correction.id) pictures.value = ready;
      const next = items.value[1];
      if (next) void fetchPictures(next).catch(() => {}); // shown, and reported, when its turn comes
    } catch (caught) {
      error.value = sayError(caught);
    }
  }

  function fetchPictures(item: ReviewItem): Promise<Pictures> {
    const key = item.correction.mask_url;
    const known = fetched.get(key);
    if (known) return known;
    const pending = picturesOf(item);
    fetched.set(key, pending);
    pending.catch(() => fetched.delete(key));
    return pending;
  }

  /** True when the decision counts. Someone else's earlier decision moves on as well, but says so in `error`. */
  async function decide(verdict: Verdict, reason = ""): Promise<boolean> {
    const item = current.value;
    if (!item || busy.value) return false;
    busy.value = true;
    error.value = "";
    let gone = "";
    try {
      await reviewCorrection(item.correction, verdict, reason);
    } catch (caught) {
      if (!(caught instanceof ApiError) || ![404, 409, 412].includes(caught.status)) {
        error.value = sayError(caught);
        return false;
      }
      gone = caught.detail;
    } finally {
      busy.value = false;
    }
    last.value = gone ? null : { item, verdict };
    waiting.value = Math.max(0, waiting.value - 1);
    await advance();
    error.value = gone;
    return !gone;
  }

  /** Takes the last decision back and shows its correction again; false where it stands, which `error` explains. */
  async function undo(): Promise<boolean> {
    if (!last.value || busy.value) return false;
    const { item } = last.value;
    busy.value = true;
    error.value = "";
    try {
      await withdrawReview(item.correction);
    } catch (caught) {
      error.value = sayError(caught);
      if (caught instanceof ApiError && [404, 409].includes(caught.status)) last.value = null;
      return false;
    } finally {
      busy.value = false;
    }
    last.value = null;
    items.value.unshift(item);
    waiting.value += 1;
    await show();
    return true;
  }

  async function skip(): Promise<void> {
    if (!current.value) return;
    skipped.add(current.value.correction.id);
    await advance();
  }

  async function advance(): Promise<void> {
    const [done] = items.value.splice(0, 1);
    fetched.delete(done.correction.mask_url);
    if (items.value.length) await show();
    else await load();
  }

  return { current, waiting, pictures, loading, busy, error, last, load, show, decide, undo, skip };
}

async function picturesOf({ photo, prediction, correction }: ReviewItem): Promise<Pictures> {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(photo.width, photo.height));
  const width = Math.max(1, Math.round(photo.width * scale));
  const height = Math.max(1, Math.round(photo.height * scale));
  const [image, before, after] = await Promise.all([
    loadImage(photo.image_url),
    readMask(prediction.mask_url),
    readMask(correction.mask_url),
  ]);
  return { image, width, height, before: resample(before, width, height), after: resample(after, width, height) };
}
