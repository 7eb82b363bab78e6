import { reactive, ref } from "vue";
import type { Style } from "../api/types";
import { lookOf, USUAL } from "./look";

const KEY = "stickersnap-look";

/** What all stickers look like that have no look of their own: this person's, which the browser remembers. */
const mine = ref<Style>(kept());
const looks = reactive(new Map<string, Style>());

/** How this person's stickers look. */
export function useLooks() {
  return { lookFor, setLook, applyToAll, forgetLook };
}

function lookFor(photo: string): Style {
  return looks.get(photo) ?? mine.value;
}

function setLook(photo: string, look: Style): void {
  looks.set(photo, look);
}

function applyToAll(look: Style): void {
  mine.value = look;
  looks.clear();
  try {
    localStorage.setItem(KEY, JSON.stringify(look));
  } catch {
    // not remembered
  }
}

function forgetLook(photo: string): void {
  looks.delete(photo);
}

function kept(): Style {
  try {
    return lookOf(JSON.parse(localStorage.getItem(KEY) ?? "{}"));
  } catch {
    return { ...USUAL };
  }
}
