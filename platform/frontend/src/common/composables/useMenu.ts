import { nextTick, onMounted, onUnmounted, ref, useId, useTemplateRef } from "vue";

/**
 * A button with a menu, as the ARIA Authoring Practices describe it: opening it focuses its first item, the arrow keys
 * go round, closing it gives the focus back to the button, a press elsewhere closes it. The template's `ref="root"`
 * holds both; the button is its first.
 */
export function useMenu() {
  const open = ref(false);
  const root = useTemplateRef<HTMLElement>("root");
  const menuId = useId();
  const items = () => [...(root.value?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];

  async function show(): Promise<void> {
    open.value = true;
    await nextTick();
    items()[0]?.focus();
  }

  function hide(focus = true): void {
    open.value = false;
    if (focus) root.value?.querySelector("button")?.focus();
  }

  function step(by: number): void {
    const list = items();
    const index = list.indexOf(document.activeElement as HTMLElement);
    list[(index + by + list.length) % list.length]?.focus();
  }

  function outside(event: Event): void {
    if (open.value && !root.value?.contains(event.target as Node)) hide(false);
  }
  onMounted(() => document.addEventListener("pointerdown", outside));
  onUnmounted(() => document.removeEventListener("pointerdown", outside));

  return { open, menuId, show, hide, step };
}
