import { onScopeDispose, ref, watch, type Ref } from "vue";
import { sayError } from "../api/client";
import { makeSticker } from "../api/stickers";
import type { PackSticker } from "../api/types";
import { SHOWN } from "../maker/knownStickers";
import { patiently } from "../common/composables/patiently";
import { useSeen } from "../maker/useSeen";

/** The picture of a pack's sticker: the one that is there, else made once it comes into view. */
export function usePicture(sticker: () => PackSticker, box: Ref<Element | null>) {
  const picture = ref(sticker().file_url);
  const failed = ref("");
  const seen = useSeen(box);
  const stop = new AbortController();

  async function make(): Promise<void> {
    if (picture.value || !seen.value) return;
    const { photo, style, subject } = sticker();
    try {
      const made = await patiently(() => makeSticker(photo, { style, subject }, SHOWN, stop.signal), stop.signal);
      picture.value = made.file_url;
    } catch (caught) {
      if (!stop.signal.aborted) failed.value = sayError(caught);
    }
  }

  watch(seen, make, { immediate: true });
  onScopeDispose(() => stop.abort());
  return { picture, failed };
}
