import { readonly, ref } from "vue";
import { listDiscarded, restoreDraft } from "../../drafts/bin";
import { listDrafts } from "../../drafts/draft";

const drafted = ref<string[]>([]);
const discarded = ref<string[]>([]);

/** Which photos have a fix that was begun on this device and never saved, and which one that was discarded today. */
export function useDrafts() {
  return { drafted: readonly(drafted), discarded: readonly(discarded), look, bringBack };
}

async function look(): Promise<void> {
  [drafted.value, discarded.value] = await Promise.all([listDrafts(), listDiscarded()]);
}

/** A discarded draft is a draft again; false where it is gone, or another one was begun since. */
async function bringBack(photo: string): Promise<boolean> {
  const there = await restoreDraft(photo).catch(() => false);
  await look();
  return there;
}
