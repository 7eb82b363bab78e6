import { readonly, ref } from "vue";
import { listDrafts } from "../drafts/draft";

const drafted = ref<string[]>([]);

/** Which photos have a fix that was begun on this device and never saved. */
export function useDrafts() {
  return { drafted: readonly(drafted), look };
}

async function look(): Promise<void> {
  drafted.value = await listDrafts();
}
