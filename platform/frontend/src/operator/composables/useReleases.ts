import { computed, ref } from "vue";
import { sayError } from "../../api/client";
import * as api from "../../api/releases";
import type { CurrentWeights, Deployment, Overview, Policy, Readiness, Run } from "../../api/types";
import { ACTIVE } from "../../common/words";
import { usePolling } from "../../common/composables/usePolling";

/** Runs, deployments, the policy, what is served and what comes next; read again often while a run is active. */
export function useReleases(often = 3000, seldom = 20_000) {
  const runs = ref<Run[]>([]);
  const deployments = ref<Deployment[]>([]);
  const current = ref<CurrentWeights | null>(null);
  /** What answers here, and in words why that is not what was deployed last. */
  const here = ref<Readiness | null>(null);
  const trouble = ref("");
  const policy = ref<Policy | null>(null);
  const overview = ref<Overview | null>(null);
  const loading = ref(true);
  const error = ref("");
  const active = computed(() => runs.value.some(({ state }) => ACTIVE.includes(state)));
  const waiting = computed(() => runs.value.filter(({ state, decision }) => state === "waiting" && decision));

  async function load(): Promise<void> {
    const was = active.value;
    try {
      const [weights, runPage, deploymentPage, when, next] = await Promise.all([
        api.readCurrentWeights(),
        api.listRuns(),
        api.listDeployments(),
        api.readPolicy(),
        readNext(),
        lookHere(),
      ]);
      current.value = weights;
      runs.value = runPage.results;
      deployments.value = deploymentPage.results;
      policy.value = when;
      overview.value = next;
      if (was && !active.value) {
        counted = -Infinity; // what it made may be on trial by now
        overview.value = await readNext();
      }
      error.value = "";
    } catch (caught) {
      error.value = sayError(caught);
    } finally {
      loading.value = false;
    }
  }

  async function lookHere(): Promise<void> {
    try {
      here.value = await api.readReadiness();
      trouble.value = [here.value.problem, here.value.lost].filter(Boolean).join(" ");
    } catch (caught) {
      here.value = null;
      trouble.value = sayError(caught);
    }
  }

  // What comes next is counted over all corrections: seldom enough, also while a run is watched.
  let counted = -Infinity;
  async function readNext(): Promise<Overview | null> {
    if (overview.value && Date.now() - counted < seldom - often) return overview.value;
    const next = await api.readOverview();
    counted = Date.now();
    return next;
  }

  /** Reads everything again at once: something was changed here. */
  function refresh(): Promise<void> {
    counted = -Infinity;
    return load();
  }

  async function retrain(): Promise<Run> {
    const run = await api.retrain();
    runs.value = [run, ...runs.value.filter(({ id }) => id !== run.id)];
    poll.now();
    return run;
  }

  const poll = usePolling(load, () => (active.value ? often : seldom));
  return {
    ...{ runs, deployments, current, here, trouble, policy, overview },
    ...{ loading, error, active, waiting, refresh, retrain },
  };
}
