import { shallowRef } from "vue";
import { announce } from "./useAnnouncer";

export interface Offer {
  text: string;
  undo: () => Promise<void>;
  /** It can't be taken back from here any more. */
  over?: () => void;
}

/** What can be taken back just now, if anything; UndoBar in App.vue shows it. */
export const offered = shallowRef<Offer | null>(null);

/** Says what was done, with a button that takes it back. A newer offer replaces it. */
export function offerUndo(offer: Offer): void {
  endOffer();
  offered.value = offer;
  announce(`${offer.text} Undo is at the end of the page.`);
}

export function endOffer(): void {
  const offer = offered.value;
  offered.value = null;
  offer?.over?.();
}
