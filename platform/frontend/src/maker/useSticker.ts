import { onScopeDispose, ref, watch, type Ref } from "vue";
import { ApiError, sayError } from "../api/client";
import { makeSticker, type Wish } from "../api/stickers";
import type { Photo, Sticker, Style, Target } from "../api/types";
import { knownSticker, makeShown, maskOf, SHOWN } from "./knownStickers";
import { notify } from "../common/composables/useAnnouncer";
import { whenBack } from "../common/composables/useConnection";

/**
 * The sticker of a photo: the one that is there, else made once the photo is `seen`, and anew whenever its mask, its
 * look or the chosen subject changes. While that fails the last good one stays.
 */
export function useSticker(photo: Ref<Photo>, look: Ref<Style>, subject: Ref<string>, seen = ref(true)) {
  const sticker = ref<Sticker | null>(null);
  const busy = ref(false);
  const error = ref("");
  const empty = ref(false);
  let stop = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let unreached = false;

  async function make(): Promise<void> {
    stop.abort();
    clearTimeout(timer);
    const mine = (stop = new AbortController());
    error.value = "";
    busy.value = unreached = false;
    empty.value = !cuttable(photo.value);
    if (empty.value) return void (sticker.value = null);
    const there = knownSticker(photo.value, wish());
    if (there) return void (sticker.value = there);
    if (!seen.value) return;
    busy.value = true;
    try {
      sticker.value = await makeShown(photo.value, wish(), mine.signal);
    } catch (caught) {
      if (mine.signal.aborted || complain(caught)) return;
    }
    if (!mine.signal.aborted) busy.value = false;
  }

  const wish = (): Wish => ({ style: look.value, subject: subject.value });

  /** True where something else follows by itself. */
  function complain(caught: unknown): boolean {
    const known = caught instanceof ApiError ? caught : null;
    if (known?.passing) return again(known);
    if (known?.code === "no_subject_there") return missed(known);
    unreached = known?.status === 0;
    empty.value = known?.code === "no_subject_found";
    if (empty.value) sticker.value = null;
    else error.value = sayError(caught);
    return false;
  }

  /** A point beside every subject: the choice stays what it was. */
  function missed(caught: ApiError): true {
    notify(caught.detail);
    subject.value = sticker.value?.subject ?? "all";
    return true;
  }

  function again(caught: ApiError): true {
    error.value = caught.detail;
    timer = setTimeout(() => void make(), 1000 * (caught.retryAfter ?? 3));
    return true;
  }

  /** Makes the file for a messenger and hands it to the browser's downloads. */
  async function download(target: Target): Promise<Sticker> {
    const ready = target === SHOWN && !busy.value ? knownSticker(photo.value, wish()) : null;
    const made = ready ?? (await makeSticker(photo.value.id, wish(), target));
    const link = document.createElement("a");
    link.href = `${made.file_url}?download=1`;
    link.download = made.filename;
    document.body.append(link);
    link.click();
    link.remove();
    return made;
  }

  watch(
    () => [photo.value.id, maskOf(photo.value), JSON.stringify(look.value), subject.value, seen.value].join(),
    make,
    {
      immediate: true,
    },
  );
  whenBack(() => unreached && void make());
  onScopeDispose(() => {
    stop.abort();
    clearTimeout(timer);
  });
  return { sticker, busy, error, empty, make, download };
}

function cuttable(photo: Photo): boolean {
  return Boolean(photo.correction || photo.prediction?.subject_found);
}
