import { mount } from "@vue/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import StylePanel from "../../src/maker/StylePanel.vue";
import { useLooks } from "../../src/maker/useLooks";
import { lookOf, sameLook, USUAL } from "../../src/maker/look";

describe("a look", () => {
  it("is read back as far as it is one", () => {
    expect(lookOf({ outline: 12, colour: "#ff0000", shape: "circle", flip: true, x: -1 })).toEqual({
      ...USUAL,
      outline: 12,
      colour: "#ff0000",
      shape: "circle",
      flip: true,
      x: -1,
    });
    for (const strange of [
      null,
      7,
      [],
      { outline: 33, shape: "heart", colour: "red", flip: 1, rotate: NaN, glitter: 1 },
    ])
      expect(lookOf(strange)).toEqual(USUAL);
  });

  it("is the same whatever the order of its fields", () => {
    const turned = Object.fromEntries(Object.entries(USUAL).reverse()) as typeof USUAL;
    expect(sameLook(turned, USUAL)).toBe(true);
    expect(sameLook({ ...USUAL, x: 0.5 }, USUAL)).toBe(false);
  });

  it("is one photo's until it is applied to all, and then the browser remembers it", () => {
    const { lookFor, setLook, applyToAll } = useLooks();
    setLook("a", { ...USUAL, outline: 3 });
    expect([lookFor("a").outline, lookFor("b").outline]).toEqual([3, 8]);
    applyToAll({ ...USUAL, outline: 5 });
    expect([lookFor("a").outline, lookFor("b").outline]).toEqual([5, 5]);
    expect(lookOf(JSON.parse(localStorage.getItem("stickersnap-look")!)).outline).toBe(5);
    applyToAll({ ...USUAL });
  });
});

describe("the panel", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function panel() {
    HTMLDialogElement.prototype.showModal ??= () => {};
    HTMLDialogElement.prototype.close ??= () => {};
    return mount(StylePanel, {
      props: { name: "cat.jpg", look: USUAL, picture: "/s.webp", busy: false, backdrop: "checkerboard" },
    });
  }
  const button = (wrapper: ReturnType<typeof panel>, text: string) =>
    wrapper.findAll("button").find((each) => each.text() === text)!;

  it("hands a look on once the hand rests, and takes it back by Undo", async () => {
    const wrapper = panel();
    const outline = wrapper.get("input[aria-label=Outline]");
    for (const width of [10, 15, 20]) await outline.setValue(width);
    expect(wrapper.emitted("change")).toBeUndefined();
    await vi.advanceTimersByTimeAsync(250);
    await wrapper.get("input[value=circle]").trigger("change");
    await vi.advanceTimersByTimeAsync(250);
    const looks = () => wrapper.emitted("change")!.map(([look]) => look as typeof USUAL);
    expect(looks().map(({ outline, shape }) => [outline, shape])).toEqual([
      [20, "none"],
      [20, "circle"],
    ]);
    await button(wrapper, "Undo").trigger("click");
    await button(wrapper, "Undo").trigger("click");
    expect(looks().at(-1)).toEqual(USUAL);
    expect(button(wrapper, "Undo").attributes("disabled")).toBeDefined();
  });

  it("turns by quarters within its bounds, flips, resets, and applies to all what is shown", async () => {
    const wrapper = panel();
    for (let times = 0; times < 3; times++) await button(wrapper, "Turn by 90°").trigger("click");
    await button(wrapper, "Flip").trigger("click");
    await button(wrapper, "Apply to all").trigger("click");
    expect(wrapper.emitted("all")).toEqual([[{ ...USUAL, rotate: -90, flip: true }]]);
    await button(wrapper, "Reset").trigger("click");
    expect(wrapper.emitted("change")!.at(-1)).toEqual([USUAL]);
    await button(wrapper, "Done").trigger("click");
    expect(wrapper.emitted("close")).toHaveLength(1);
  });
});
