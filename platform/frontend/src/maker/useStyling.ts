import { computed, onScopeDispose, ref } from "vue";
import type { Style } from "../api/types";
import { sameLook, USUAL } from "./look";

const PAUSE = 250; // milliseconds without a change before the server draws it

/** A look that is being changed: shown at once in the controls, handed on when the hand rests; every rest can be undone. */
export function useStyling(first: Style, changed: (look: Style) => void) {
  const draft = ref<Style>({ ...first });
  const past = ref<Style[]>([]);
  let settled: Style = { ...first };
  let timer: ReturnType<typeof setTimeout> | undefined;

  function set(change: Partial<Style>): void {
    draft.value = { ...draft.value, ...change };
    clearTimeout(timer);
    timer = setTimeout(settle, PAUSE);
  }

  function settle(): void {
    clearTimeout(timer);
    if (sameLook(draft.value, settled)) return;
    past.value.push(settled);
    hand(draft.value);
  }

  function undo(): void {
    settle();
    const before = past.value.pop();
    if (before) hand(before);
  }

  function reset(): void {
    set({ ...USUAL });
    settle();
  }

  function hand(look: Style): void {
    settled = { ...look };
    draft.value = { ...look };
    changed(settled);
  }

  onScopeDispose(settle);
  return { draft, canUndo: computed(() => past.value.length > 0), set, settle, undo, reset };
}
