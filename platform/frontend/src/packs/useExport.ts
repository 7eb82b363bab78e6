import { onScopeDispose, ref, shallowRef } from "vue";
import { sayError } from "../api/client";
import { exportPack } from "../api/packs";
import { makeSticker } from "../api/stickers";
import type { PackDetail } from "../api/types";
import type { Place } from "./packs";
import { announce } from "../common/composables/useAnnouncer";
import { patiently } from "../common/composables/patiently";

export interface Made {
  file: File;
  place: Place;
}

/** The file of a pack: its stickers are made one by one, so that it can be said how far it is, and be stopped. */
export function useExport() {
  const place = shallowRef<Place | null>(null);
  const done = ref(0);
  const error = ref("");
  const made = shallowRef<Made | null>(null);
  let stop = new AbortController();

  async function make(pack: PackDetail, wanted: Place): Promise<Made | null> {
    cancel();
    const { signal } = (stop = new AbortController());
    [place.value, done.value, error.value, made.value] = [wanted, 0, "", null];
    announce(`Making the pack for ${wanted.name}.`);
    try {
      for (const { photo, style, subject } of pack.stickers) {
        await patiently(() => makeSticker(photo, { style, subject }, wanted.target, signal), signal);
        done.value++;
      }
      const file = await patiently(() => exportPack(pack.id, wanted.target, signal), signal);
      signal.throwIfAborted();
      made.value = { file, place: wanted };
      announce(`${file.name} is ready.`);
    } catch (caught) {
      if (!signal.aborted) error.value = sayError(caught);
    }
    if (!signal.aborted) place.value = null;
    return made.value;
  }

  function cancel(): void {
    stop.abort();
    place.value = null;
  }

  onScopeDispose(cancel);
  return { place, done, error, made, make, cancel };
}
