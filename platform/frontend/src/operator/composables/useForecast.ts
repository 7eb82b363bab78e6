import { onScopeDispose, ref, watch, type Ref } from "vue";
import { ApiError, sayError } from "../../api/client";
import { forecast } from "../../api/releases";
import type { Finding, Policy } from "../../api/types";
import { fieldErrors } from "../validation";

/** What a policy would mean, asked anew a moment after each change of it; `errors` by field, "" for none of them. */
export function useForecast(wish: Ref<Policy>, pause = 500) {
  const findings = ref<Finding[] | null>(null);
  const errors = ref<Record<string, string>>({});
  const asking = ref(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asked = 0;

  function complain(caught: unknown): void {
    const said = sayError(caught);
    const invalid = caught instanceof ApiError && caught.status === 400;
    errors.value = invalid ? fieldErrors(said, Object.keys(wish.value)) : { "": said };
  }

  async function ask(): Promise<void> {
    const mine = ++asked;
    try {
      const found = await forecast(wish.value);
      if (mine !== asked) return;
      findings.value = found;
      errors.value = {};
    } catch (caught) {
      if (mine === asked) complain(caught);
    } finally {
      if (mine === asked) asking.value = false;
    }
  }

  function later(): void {
    asking.value = true;
    clearTimeout(timer);
    timer = setTimeout(() => void ask(), pause);
  }

  asking.value = true;
  void ask();
  watch(wish, later, { deep: true });
  onScopeDispose(() => {
    asked++;
    clearTimeout(timer);
  });
  return { findings, errors, asking, complain };
}
