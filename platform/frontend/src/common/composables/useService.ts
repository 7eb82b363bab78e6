import { computed, ref } from "vue";
import { readCurrentWeights, readReadiness } from "../../api/releases";
import { ApiError } from "../../api/client";
import type { CurrentWeights, Readiness } from "../../api/types";
import { useConnection } from "./useConnection";
import { usePolling } from "./usePolling";

export type ServiceState = "unknown" | "ready" | "busy" | "away";

/** Is the service alive, and which weights and device answer? Where a large champion has a student, that may. */
export function useService(interval = 10_000) {
  const state = ref<ServiceState>("unknown");
  const readiness = ref<Readiness | null>(null);
  const weights = ref<CurrentWeights | null>(null);

  /** What answers here, where it is known: the champion, or its student. */
  const answering = computed(() => {
    const [here, champion] = [readiness.value?.weights, weights.value];
    return [champion, champion?.student].find((one) => one && one.sha256 === here) ?? null;
  });

  async function check(): Promise<void> {
    try {
      readiness.value = await readReadiness();
      state.value = "ready";
      if (!answering.value) weights.value = await readCurrentWeights();
    } catch (error) {
      // Any answer of the server means that it lives; none means that it does not.
      if (state.value !== "ready" || !(error instanceof ApiError) || error.status === 0 || error.passing) {
        state.value = error instanceof ApiError && error.status > 0 ? "busy" : "away";
      }
    }
  }

  usePolling(check, () => interval);
  const { reachable } = useConnection();
  return { state: computed(() => (reachable.value ? state.value : "away")), readiness, weights, answering };
}
