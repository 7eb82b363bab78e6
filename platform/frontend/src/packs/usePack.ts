import { computed } from "vue";
import { sayError } from "../api/client";
import * as api from "../api/packs";
import type { PackDetail } from "../api/types";
import { moved } from "./packs";
import { announce, notify } from "../common/composables/useAnnouncer";
import { useAnswer } from "../common/composables/useAnswer";

/** A pack and what may be done to it. What is done shows at once where it can; what fails is said, and read anew. */
export function usePack(id: () => string) {
  const { answer: pack, loading, error, load } = useAnswer(() => api.readPack(id()), id);
  const stickers = computed(() => pack.value?.stickers ?? []);
  let waiting: Promise<unknown> = Promise.resolve();
  let asked = 0;

  /** One after the other: each answer is the whole pack, and only the last one is shown. */
  function change(call: () => Promise<PackDetail>): Promise<boolean> {
    const mine = ++asked;
    const done = waiting.then(async () => {
      try {
        const changed = await call();
        if (mine === asked) pack.value = changed;
        return true;
      } catch (caught) {
        notify(sayError(caught), "is-danger");
        if (mine === asked) await load();
        return false;
      }
    });
    waiting = done;
    return done;
  }

  /** Shows another order; `keepOrder` has it kept. */
  function arrange(from: number, to: number): void {
    const now = pack.value;
    if (now) pack.value = { ...now, stickers: moved(now.stickers, from, to) };
  }

  function keepOrder(): Promise<boolean> {
    const order = stickers.value.map((sticker) => sticker.id);
    return change(() => api.orderPack(id(), order));
  }

  function move(from: number, to: number): void {
    if (to < 0 || to >= stickers.value.length) return;
    arrange(from, to);
    announce(`${stickers.value[to]?.name || "The sticker"} is now ${to + 1} of ${stickers.value.length}.`);
    void keepOrder();
  }

  return {
    ...{ pack, stickers, loading, error, load, arrange, keepOrder, move },
    rename: (texts: { name?: string; author?: string }) => change(() => api.changePack(id(), texts)),
    showBy: (sticker: string) => change(() => api.changePack(id(), { tray: sticker })),
    say: (sticker: string, said: { emojis?: string[]; alt?: string }) =>
      change(() => api.changeSticker(id(), sticker, said)),
    remove: (sticker: string) => change(() => api.removeSticker(id(), sticker)),
  };
}
