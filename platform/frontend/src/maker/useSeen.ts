import { onMounted, onUnmounted, ref, type Ref } from "vue";

const AHEAD = "400px"; // what is so near to the screen counts already

/** Whether an element has come into view, or near it. Once it has, it stays so. */
export function useSeen(element: Ref<Element | null>): Ref<boolean> {
  const seen = ref(typeof IntersectionObserver === "undefined");
  let observer: IntersectionObserver | undefined;
  onMounted(() => {
    if (seen.value || !element.value) return;
    observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
        seen.value = true;
        observer?.disconnect();
      },
      { rootMargin: AHEAD },
    );
    observer.observe(element.value);
  });
  onUnmounted(() => observer?.disconnect());
  return seen;
}
