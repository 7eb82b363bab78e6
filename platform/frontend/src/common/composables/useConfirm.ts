import { shallowRef } from "vue";

export interface Question {
  title: string;
  text: string;
  yes: string;
  no: string;
  danger?: boolean;
}

interface Asked extends Question {
  answer: (yes: boolean) => void;
}

/** The question that is open, if any; ConfirmDialog in App.vue shows it. */
export const asked = shallowRef<Asked | null>(null);

export function confirm(question: Question): Promise<boolean> {
  asked.value?.answer(false);
  return new Promise((resolve) => {
    asked.value = {
      ...question,
      answer(yes) {
        asked.value = null;
        resolve(yes);
      },
    };
  });
}
