import { ToastProgrammatic } from "buefy";
import { readonly, ref } from "vue";

const message = ref("");

/** What screen readers are told: one live region, in App.vue, speaks it. */
export const spoken = readonly(message);

export function announce(text: string): void {
  // The same sentence twice is spoken twice only if the region was empty in between.
  message.value = "";
  setTimeout(() => (message.value = text), 50);
}

/** Says it to everyone: spoken and shown for a few seconds. */
export function notify(text: string, type: "is-dark" | "is-danger" = "is-dark"): void {
  announce(text);
  new ToastProgrammatic().open({ message: [text], type, position: "is-bottom", duration: 4000 });
}
