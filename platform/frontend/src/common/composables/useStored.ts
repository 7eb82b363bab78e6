import { ref, watch, type Ref } from "vue";

/** A choice of this person's that the browser remembers; where it keeps nothing, it holds for as long as the page. */
export function useStored<Value extends string>(name: string, choices: readonly Value[], first: Value): Ref<Value> {
  const key = `stickersnap-${name}`;
  const kept = read(key);
  const value = ref(choices.find((choice) => choice === kept) ?? first) as Ref<Value>;
  watch(value, (now) => write(key, now));
  return value;
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // not remembered
  }
}
