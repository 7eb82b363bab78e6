import { onScopeDispose, readonly, ref } from "vue";
import { get, whenAnswered } from "../../api/client";

const FIRST_PAUSE = 2_000; // milliseconds
const LONGEST_PAUSE = 30_000;

const reachable = ref(true);
const waiting = new Set<() => void>();
let timer: ReturnType<typeof setTimeout> | undefined;
let pause = FIRST_PAUSE;

/** The one answer to "can the server be reached?", which every call of this page helps to give. */
export function useConnection() {
  return { reachable: readonly(reachable), whenBack };
}

/** Calls `retry` each time the server can be reached again, until the component, or what is answered, ends it. */
export function whenBack(retry: () => void): () => void {
  waiting.add(retry);
  const stop = () => void waiting.delete(retry);
  onScopeDispose(stop, true);
  return stop;
}

whenAnswered((answered) => {
  if (answered === reachable.value) return;
  reachable.value = answered;
  clearTimeout(timer);
  if (!answered) return later();
  pause = FIRST_PAUSE;
  for (const retry of [...waiting]) retry();
});

function later(): void {
  timer = setTimeout(() => void probe(), pause);
  pause = Math.min(2 * pause, LONGEST_PAUSE);
}

/** Any answer means that the server is there. */
async function probe(): Promise<void> {
  clearTimeout(timer);
  await get("/healthz").catch(() => {});
  if (!reachable.value) later();
}

// The browser knows when its own network is back; whether the server is behind it the probe tells.
if (typeof window !== "undefined") window.addEventListener("online", () => void (reachable.value || probe()));
