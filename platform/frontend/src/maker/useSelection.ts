import { computed, reactive, ref } from "vue";

const selecting = ref(false);
const chosen = reactive(new Set<string>());

/** Which photos' stickers are chosen on the maker, if somebody is choosing. */
export function useSelection() {
  const count = computed(() => chosen.size);
  return { selecting, chosen, count, begin, end, toggle, choose };
}

function begin(): void {
  selecting.value = true;
}

function end(): void {
  selecting.value = false;
  chosen.clear();
}

function toggle(photo: string): void {
  if (!chosen.delete(photo)) chosen.add(photo);
}

/** These and no others. */
function choose(photos: string[]): void {
  chosen.clear();
  photos.forEach((photo) => chosen.add(photo));
}
