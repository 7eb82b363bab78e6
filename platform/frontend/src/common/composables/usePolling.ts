import { onScopeDispose } from "vue";

/** Calls `task` now and then every `interval()` milliseconds after it ended, only while the page is visible. */
export function usePolling(task: () => Promise<void>, interval: () => number) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;
  let running = false;

  async function tick(): Promise<void> {
    clearTimeout(timer);
    if (running || stopped || document.hidden) return;
    running = true;
    await task().finally(() => (running = false));
    if (!stopped) timer = setTimeout(() => void tick(), interval());
  }

  const wake = () => void tick();
  document.addEventListener("visibilitychange", wake);
  void tick();
  onScopeDispose(() => {
    stopped = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", wake);
  });
  return { now: wake };
}
