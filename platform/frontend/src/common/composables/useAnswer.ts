import { ref, shallowRef, watch } from "vue";
import { ApiError, sayError } from "../../api/client";
import { whenBack } from "./useConnection";

/** What a page reads from the server, read again whenever `key` changes, and when the server is back that wasn't there. */
export function useAnswer<Answer>(read: () => Promise<Answer>, key: () => unknown = () => null) {
  const answer = shallowRef<Answer | null>(null);
  const loading = ref(true);
  const error = ref("");
  let asked = 0;
  let unreached = false;

  async function load(): Promise<void> {
    const mine = ++asked;
    loading.value = true;
    unreached = false;
    try {
      const found = await read();
      if (mine !== asked) return;
      answer.value = found;
      error.value = "";
    } catch (caught) {
      if (mine !== asked) return;
      error.value = sayError(caught);
      unreached = caught instanceof ApiError && caught.status === 0;
    } finally {
      if (mine === asked) loading.value = false;
    }
  }

  watch(
    key,
    () => {
      answer.value = null;
      void load();
    },
    { immediate: true },
  );
  whenBack(() => unreached && void load());
  return { answer, loading, error, load };
}

/** Pages of a list, one after the other. */
export function usePages<Item>(
  read: (url?: string) => Promise<{ results: Item[]; count: number; next: string | null }>,
  key: () => unknown = () => null,
) {
  const items = shallowRef<Item[]>([]);
  const next = ref<string | null>(null);
  const { answer, loading, error, load } = useAnswer(async () => {
    const page = await read();
    items.value = page.results;
    next.value = page.next;
    return page;
  }, key);

  async function more(): Promise<void> {
    if (!next.value || loading.value) return;
    loading.value = true;
    try {
      const page = await read(next.value);
      items.value = [...items.value, ...page.results];
      next.value = page.next;
    } catch (caught) {
      error.value = sayError(caught);
    } finally {
      loading.value = false;
    }
  }
  return { items, next, answer, loading, error, load, more };
}
