import { onScopeDispose, ref } from "vue";

/**
 * Drags an item of a list by its handle, with mouse, pen or finger: `over` whenever it passes another, and the list is
 * drawn anew meanwhile. Items carry `data-index`; handles call `grab` on pointerdown and need `touch-action: none`.
 */
export function useReorder(over: (from: number, to: number) => void, dropped: () => void) {
  const dragged = ref<number | null>(null);

  // On the window: the handle itself moves about in the document, which would end a capture.
  function grab(event: PointerEvent, index: number): void {
    if (event.button || dragged.value !== null) return;
    event.preventDefault();
    dragged.value = index;
    window.addEventListener("pointermove", drag);
    window.addEventListener("pointerup", drop);
    window.addEventListener("pointercancel", drop);
  }

  function drag(event: PointerEvent): void {
    if (dragged.value === null) return;
    const below = document.elementFromPoint(event.clientX, event.clientY)?.closest<HTMLElement>("[data-index]");
    const to = Number(below?.dataset.index ?? dragged.value);
    if (to === dragged.value) return;
    over(dragged.value, to);
    dragged.value = to;
  }

  function drop(): void {
    release();
    dragged.value = null;
    dropped();
  }

  function release(): void {
    window.removeEventListener("pointermove", drag);
    window.removeEventListener("pointerup", drop);
    window.removeEventListener("pointercancel", drop);
  }

  onScopeDispose(release);
  return { dragged, grab };
}
