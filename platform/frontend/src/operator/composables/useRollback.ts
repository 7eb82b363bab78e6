import { ref } from "vue";
import { sayError } from "../../api/client";
import * as api from "../../api/releases";
import { notify } from "../../common/composables/useAnnouncer";
import { confirm } from "../../common/composables/useConfirm";

/** Goes back to the deployment before this one, once the operator is sure; `then` reads the lists again. */
export function useRollback(then: () => Promise<void>) {
  const rollingBack = ref(false);

  async function rollBack(): Promise<void> {
    if (rollingBack.value) return;
    const sure = await confirm({
      title: "Roll back?",
      text: "The deployment before this one becomes current again, and every server swaps to its weights within seconds.",
      yes: "Yes, go back",
      no: "Keep serving this",
      danger: true,
    });
    if (!sure) return;
    rollingBack.value = true;
    try {
      await api.rollBack();
      notify("Rolled back.");
      await then();
    } catch (caught) {
      notify(sayError(caught), "is-danger");
    } finally {
      rollingBack.value = false;
    }
  }
  return { rollingBack, rollBack };
}
