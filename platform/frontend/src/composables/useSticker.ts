import { onScopeDispose, ref, watch, type Ref } from "vue";
import { ApiError, sayError } from "../api/client";
import { makeSticker, type Wish } from "../api/stickers";
import type { Photo, Sticker, Target } from "../api/types";
import { notify } from "./useAnnouncer";

/** What the page shows: as large as a messenger shows it. The PNG at full size is made when it is downloaded. */
const SHOWN: Target = "telegram";

/** The sticker of a photo, made anew whenever its mask, its outline or the chosen subject changes. */
export function useSticker(photo: Ref<Photo>, outline: Ref<boolean>, subject: Ref<string>) {
  const sticker = ref<Sticker | null>(null);
  const busy = ref(false);
  const error = ref("");
  const empty = ref(false);
  let stop = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function make(): Promise<void> {
    stop.abort();
    clearTimeout(timer);
    const mine = (stop = new AbortController());
    error.value = "";
    empty.value = !cuttable(photo.value);
    if (empty.value) {
      sticker.value = null;
      busy.value = false;
      return;
    }
    busy.value = true;
    try {
      sticker.value = await makeSticker(photo.value.id, wish(), SHOWN, mine.signal);
    } catch (caught) {
      if (mine.signal.aborted) return;
      if (caught instanceof ApiError && caught.passing) return again(caught);
      if (caught instanceof ApiError && caught.code === "no_subject_there") return missed(caught);
      if (caught instanceof ApiError && caught.code === "no_subject_found") empty.value = true;
      else error.value = sayError(caught);
      sticker.value = null;
    }
    if (!mine.signal.aborted) busy.value = false;
  }

  const wish = (): Wish => ({ outline: outline.value, subject: subject.value });

  /** A point beside every subject: the choice stays what it was. */
  function missed(caught: ApiError): void {
    notify(caught.detail);
    subject.value = sticker.value?.subject ?? "all";
  }

  function again(caught: ApiError): void {
    error.value = caught.detail;
    timer = setTimeout(() => void make(), 1000 * (caught.retryAfter ?? 3));
  }

  /** Makes the file for a messenger and hands it to the browser's downloads. */
  async function download(target: Target): Promise<Sticker> {
    const ready = target === SHOWN && sticker.value && !busy.value ? sticker.value : null;
    const made = ready ?? (await makeSticker(photo.value.id, wish(), target));
    const link = document.createElement("a");
    link.href = `${made.file_url}?download=1`;
    link.download = made.filename;
    document.body.append(link);
    link.click();
    link.remove();
    return made;
  }

  watch(() => [photo.value.id, maskOf(photo.value), outline.value, subject.value].join(), make, { immediate: true });
  onScopeDispose(() => {
    stop.abort();
    clearTimeout(timer);
  });
  return { sticker, busy, error, empty, make, download };
}

function cuttable(photo: Photo): boolean {
  return Boolean(photo.correction || photo.prediction?.subject_found);
}

/** Which mask the sticker is cut with. */
function maskOf(photo: Photo): string {
  const { correction, prediction } = photo;
  return correction ? `${correction.id}/${correction.version}` : (prediction?.id ?? "");
}
