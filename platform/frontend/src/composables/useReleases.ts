import { computed, ref } from "vue";
import { sayError } from "../api/client";
import * as api from "../api/releases";
import type { CurrentWeights, Deployment, Policy, Run } from "../api/types";
import { ACTIVE } from "../words";
import { usePolling } from "./usePolling";

/** Runs, deployments, the policy and what is served; read again often while a run is active. */
export function useReleases(often = 3000, seldom = 20_000) {
  const runs = ref<Run[]>([]);
  const deployments = ref<Deployment[]>([]);
  const current = ref<CurrentWeights | null>(null);
  const policy = ref<Policy | null>(null);
  const loading = ref(true);
  const error = ref("");
  const active = computed(() => runs.value.some(({ state }) => ACTIVE.includes(state)));
  const waiting = computed(() => runs.value.filter(({ state, decision }) => state === "waiting" && decision));

  async function load(): Promise<void> {
    try {
      const [weights, runPage, deploymentPage, when] = await Promise.all([
        api.readCurrentWeights(),
        api.listRuns(),
        api.listDeployments(),
        api.readPolicy(),
      ]);
      current.value = weights;
      runs.value = runPage.results;
      deployments.value = deploymentPage.results;
      policy.value = when;
      error.value = "";
    } catch (caught) {
      error.value = sayError(caught);
    } finally {
      loading.value = false;
    }
  }

  async function retrain(): Promise<Run> {
    const run = await api.retrain();
    runs.value = [run, ...runs.value.filter(({ id }) => id !== run.id)];
    poll.now();
    return run;
  }

  const poll = usePolling(load, () => (active.value ? often : seldom));
  return { runs, deployments, current, policy, loading, error, active, waiting, load, retrain };
}
