import { mount } from "@vue/test-utils";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { nextTick } from "vue";
import UndoBar from "../../src/common/UndoBar.vue";
import { endOffer, offered, offerUndo } from "../../src/common/composables/useUndo";

const offer = () => ({ text: "Deleted.", undo: vi.fn(async () => {}), over: vi.fn() });

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  endOffer();
  vi.useRealTimers();
});

it.each(["before the page is there", "on the page"])("goes by itself, offered %s", async (when) => {
  const mine = offer();
  if (when.startsWith("before")) offerUndo(mine);
  const bar = mount(UndoBar);
  if (!when.startsWith("before")) offerUndo(mine);
  await nextTick();
  expect(bar.text()).toContain("Deleted.");
  await vi.advanceTimersByTimeAsync(21_000);
  expect(bar.find("aside").exists()).toBe(false);
  expect(mine.over).toHaveBeenCalledOnce();
  bar.unmount();
});

it("stays while somebody points at it", async () => {
  const bar = mount(UndoBar);
  offerUndo(offer());
  await nextTick();
  await bar.find("aside").trigger("mouseenter");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(offered.value).not.toBeNull();
  await bar.find("aside").trigger("mouseleave");
  await vi.advanceTimersByTimeAsync(21_000);
  expect(offered.value).toBeNull();
  bar.unmount();
});
