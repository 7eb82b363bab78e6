import { computed, ref } from "vue";
import { sayError } from "../api/client";
import * as api from "../api/releases";
import type { CurrentWeights, Deployment, Run } from "../api/types";
import { usePolling } from "./usePolling";

const ACTIVE = ["queued", "freezing", "training", "deciding"];

/** Runs, deployments and what is served; read again often while a run is active. */
export function useReleases(often = 3000, seldom = 20_000) {
  const runs = ref<Run[]>([]);
  const deployments = ref<Deployment[]>([]);
  const current = ref<CurrentWeights | null>(null);
  const loading = ref(true);
  const error = ref("");
  const active = computed(() => runs.value.some(({ state }) => ACTIVE.includes(state)));

  async function load(): Promise<void> {
    try {
      const [weights, runPage, deploymentPage] = await Promise.all([
        api.readCurrentWeights(),
        api.listRuns(),
        api.listDeployments(),
      ]);
      current.value = weights;
      runs.value = runPage.results;
      deployments.value = deploymentPage.results;
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

  async function rollBack(): Promise<Deployment> {
    const deployment = await api.rollBack();
    poll.now();
    return deployment;
  }

  const poll = usePolling(load, () => (active.value ? often : seldom));
  return { runs, deployments, current, loading, error, active, load, retrain, rollBack };
}
