import { flushPromises, mount } from "@vue/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { nextTick } from "vue";
import { createMemoryHistory } from "vue-router";
import { ApiError } from "../../src/api/client";
import type { PackDetail, PackSticker } from "../../src/api/types";
import AddToPackDialog from "../../src/maker/AddToPackDialog.vue";
import ExportPanel from "../../src/packs/ExportPanel.vue";
import StickerDialog from "../../src/packs/StickerDialog.vue";
import { spoken } from "../../src/common/composables/useAnnouncer";
import { useSelection } from "../../src/maker/useSelection";
import { USUAL } from "../../src/maker/look";
import { emojisIn, moved, PLACES, PROPOSED } from "../../src/packs/packs";
import PackPage from "../../src/packs/PackPage.vue";
import PacksPage from "../../src/packs/PacksPage.vue";
import { makeRouter } from "../../src/router";

const api = vi.hoisted(() => ({
  listPacks: vi.fn(),
  readPack: vi.fn(),
  createPack: vi.fn(),
  changePack: vi.fn(),
  addToPack: vi.fn(),
  changeSticker: vi.fn(),
  removeSticker: vi.fn(),
  orderPack: vi.fn(),
  exportPack: vi.fn(),
  deletePack: vi.fn(),
  makeSticker: vi.fn(),
}));
vi.mock("../../src/api/packs", () => api);
vi.mock("../../src/api/stickers", () => api);

const sticker = (id: string): PackSticker => ({
  id,
  photo: `photo-${id}`,
  name: `${id}.jpg`,
  style: { ...USUAL },
  subject: "all",
  emojis: ["🙂"],
  alt: "",
  file_url: `/${id}.webp`,
});
const pack = (...ids: string[]): PackDetail => ({
  id: "cats",
  name: "Cats",
  author: "Ada",
  count: ids.length,
  tray: ids[0] ?? null!,
  tray_url: null,
  created_at: "",
  stickers: ids.map(sticker),
});

beforeEach(() => {
  for (const call of Object.values(api)) call.mockReset();
  vi.stubGlobal("IntersectionObserver", undefined); // everything is in view
  URL.createObjectURL = vi.fn(() => "blob:pack");
});
afterEach(() => {
  vi.unstubAllGlobals();
});

async function pageOf(given: PackDetail) {
  api.readPack.mockResolvedValue(given);
  const wrapper = mount(PackPage, {
    props: { id: "cats" },
    global: { plugins: [makeRouter(createMemoryHistory())] },
    attachTo: document.body,
  });
  await flushPromises();
  return wrapper;
}

describe("words of packs", () => {
  it("finds emojis in a text, each once, three at most", () => {
    expect(emojisIn("a cat 😂 and 👩‍🚀, 👍🏽 😂 🇪🇸")).toEqual(["😂", "👩‍🚀", "👍🏽"]);
    expect(emojisIn("🇪🇸❤️3️⃣")).toEqual(["🇪🇸", "❤️", "3️⃣"]);
    expect(emojisIn("none, 3 or #")).toEqual([]);
  });

  it("proposes emojis only", () => {
    expect(PROPOSED.every((emoji) => emojisIn(emoji)[0] === emoji)).toBe(true);
  });

  it("moves an item", () => {
    expect(moved(["a", "b", "c"], 0, 2)).toEqual(["b", "c", "a"]);
    expect(moved(["a", "b", "c"], 2, 0)).toEqual(["c", "a", "b"]);
  });
});

describe("choosing stickers", () => {
  it("keeps what was chosen until it ends", () => {
    const { selecting, chosen, count, begin, toggle, choose, end } = useSelection();
    begin();
    toggle("a");
    toggle("b");
    toggle("a");
    expect([...chosen]).toEqual(["b"]);
    choose(["x", "y"]);
    expect([selecting.value, count.value]).toEqual([true, 2]);
    end();
    expect([selecting.value, count.value]).toEqual([false, 0]);
  });

  it("go into a new pack, by the name that was used last", async () => {
    api.listPacks.mockResolvedValue([pack("a")]);
    api.createPack.mockResolvedValue(pack("a"));
    const chosen = [{ photo: "p", style: { ...USUAL }, subject: "all" }];
    const wrapper = mount(AddToPackDialog, { props: { chosen }, attachTo: document.body });
    await flushPromises();
    const [name, author] = wrapper.findAll("input");
    expect((author!.element as HTMLInputElement).value).toBe("Ada");
    await name!.setValue("Party");
    await wrapper.get("form").trigger("submit");
    await flushPromises();
    expect(api.createPack).toHaveBeenCalledWith({ name: "Party", author: "Ada", stickers: chosen });
    expect(wrapper.emitted("added")).toEqual([["cats"]]);
    wrapper.unmount();
  });

  it("go into one that is there, and a refusal is said", async () => {
    api.listPacks.mockResolvedValue([pack("a")]);
    api.addToPack.mockRejectedValueOnce(new ApiError("pack_full", "A pack holds at most 120 stickers.", 409));
    const wrapper = mount(AddToPackDialog, { props: { chosen: [] }, attachTo: document.body });
    await flushPromises();
    await wrapper.get("button.pack").trigger("click");
    await flushPromises();
    expect(wrapper.get("[role=alert]").text()).toContain("at most 120");
    expect(wrapper.emitted("added")).toBeUndefined();
    wrapper.unmount();
  });
});

describe("a pack's page", () => {
  it("orders by buttons, says where the sticker is now, and keeps the focus on the button", async () => {
    const wrapper = await pageOf(pack("a", "b", "c"));
    api.orderPack.mockImplementation(async (_id: string, order: string[]) => pack(...order));
    const up = wrapper.get<HTMLButtonElement>("button[aria-label='Move c.jpg 3 up']");
    up.element.focus();
    await up.trigger("click");
    await flushPromises();
    expect(api.orderPack).toHaveBeenCalledWith("cats", ["a", "c", "b"]);
    expect(wrapper.findAll("li img").map((img) => img.attributes("src"))).toEqual(["/a.webp", "/c.webp", "/b.webp"]);
    expect(document.activeElement?.getAttribute("aria-label")).toBe("Move c.jpg 2 up");
    await vi.waitFor(() => expect(spoken.value).toBe("c.jpg is now 2 of 3."));
    await wrapper.get("button[aria-label='Move c.jpg 2 up']").trigger("click");
    await flushPromises();
    expect(document.activeElement?.getAttribute("aria-label")).toBe("Move c.jpg 1 down");
    wrapper.unmount();
  });

  it("orders by dragging, and asks the server once", async () => {
    const wrapper = await pageOf(pack("a", "b", "c"));
    api.orderPack.mockImplementation(async (_id: string, order: string[]) => pack(...order));
    const rows = () => wrapper.findAll("li.row");
    document.elementFromPoint = () => rows()[1]!.element;
    await rows()[0]!.get(".handle").trigger("pointerdown", { button: 0 });
    window.dispatchEvent(new PointerEvent("pointermove", { clientX: 1, clientY: 1 }));
    document.elementFromPoint = () => rows()[2]!.element;
    await nextTick();
    window.dispatchEvent(new PointerEvent("pointermove", { clientX: 1, clientY: 2 }));
    await nextTick();
    expect(api.orderPack).not.toHaveBeenCalled();
    window.dispatchEvent(new PointerEvent("pointerup"));
    await flushPromises();
    expect(api.orderPack).toHaveBeenCalledOnce();
    expect(api.orderPack).toHaveBeenCalledWith("cats", ["b", "c", "a"]);
    wrapper.unmount();
  });

  it("reads the pack anew where a change is refused", async () => {
    const wrapper = await pageOf(pack("a", "b"));
    api.orderPack.mockRejectedValue(new ApiError("pack_changed", "The pack changed in the meantime.", 409));
    api.readPack.mockResolvedValue(pack("b"));
    await wrapper.get("button[aria-label='Move b.jpg 2 up']").trigger("click");
    await flushPromises();
    expect(wrapper.findAll("li.row")).toHaveLength(1);
    wrapper.unmount();
  });

  it("is renamed, but never to nothing", async () => {
    const wrapper = await pageOf(pack("a"));
    api.changePack.mockResolvedValue({ ...pack("a"), name: "Dogs" });
    const name = wrapper.get<HTMLInputElement>(".about input");
    await name.setValue("  ");
    await name.trigger("change");
    expect(api.changePack).not.toHaveBeenCalled();
    await name.setValue("Dogs");
    await name.trigger("change");
    await flushPromises();
    expect(api.changePack).toHaveBeenCalledWith("cats", { name: "Dogs" });
    expect(wrapper.get("h1").text()).toBe("Dogs");
    wrapper.unmount();
  });

  it("makes a picture that is not there yet", async () => {
    const given = pack("a");
    given.stickers[0]!.file_url = null;
    api.makeSticker.mockResolvedValue({ file_url: "/made.webp" });
    const wrapper = await pageOf(given);
    expect(api.makeSticker).toHaveBeenCalledOnce();
    expect(wrapper.get("li img").attributes("src")).toBe("/made.webp");
    wrapper.unmount();
  });
});

describe("what is said of a sticker", () => {
  it("is three emojis at most and at least one", async () => {
    const wrapper = mount(StickerDialog, { props: { sticker: sticker("a"), isTray: false }, attachTo: document.body });
    const emoji = (text: string) => wrapper.findAll(".proposed button").find((button) => button.text() === text)!;
    await emoji("😂").trigger("click");
    await emoji("😍").trigger("click");
    expect(emoji("🔥").attributes("disabled")).toBeDefined();
    await emoji("🙂").trigger("click");
    await wrapper.get("textarea").setValue("A cat laughs");
    await wrapper.get("form").trigger("submit");
    expect(wrapper.emitted("save")).toEqual([[{ emojis: ["😂", "😍"], alt: "A cat laughs" }]]);
    await wrapper.get("input").setValue("lol");
    expect(wrapper.get("button[type=submit]").attributes("disabled")).toBeDefined();
    wrapper.unmount();
  });
});

describe("getting a pack", () => {
  const panel = (given = pack("a", "b", "c")) =>
    mount(ExportPanel, { props: { pack: given }, attachTo: document.body });
  const choose = async (wrapper: ReturnType<typeof panel>, place: string) => {
    await wrapper.get(".chooser > button").trigger("click");
    const items = wrapper.findAll("[role=menuitem]");
    await items[PLACES.findIndex(({ name }) => name === place)]!.trigger("click");
    await flushPromises();
  };

  it("makes each sticker first, and saves the file where it can't be shared", async () => {
    const clicked = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => {});
    api.makeSticker.mockResolvedValue({});
    api.exportPack.mockResolvedValue(new File(["x"], "Cats.wastickers"));
    const wrapper = panel();
    await choose(wrapper, "WhatsApp");
    expect(api.makeSticker.mock.calls.map(([photo, , target]) => [photo, target])).toEqual([
      ["photo-a", "whatsapp"],
      ["photo-b", "whatsapp"],
      ["photo-c", "whatsapp"],
    ]);
    expect(clicked).toHaveBeenCalledOnce();
    expect(wrapper.text()).toContain("Cats.wastickers");
    expect(wrapper.text()).toContain("What now?");
    clicked.mockRestore();
    wrapper.unmount();
  });

  it("offers to share where the browser can, and saves nothing unasked", async () => {
    const clicked = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => {});
    const share = vi.fn(async () => {});
    vi.stubGlobal("navigator", { canShare: () => true, share });
    api.makeSticker.mockResolvedValue({});
    const file = new File(["x"], "Cats.wastickers");
    api.exportPack.mockResolvedValue(file);
    const wrapper = panel();
    await choose(wrapper, "WhatsApp");
    expect(clicked).not.toHaveBeenCalled();
    await wrapper.get(".buttons .is-primary").trigger("click");
    expect(share).toHaveBeenCalledWith({ files: [file] });
    clicked.mockRestore();
    wrapper.unmount();
  });

  it("says what the target does not take", async () => {
    api.makeSticker.mockResolvedValue({});
    api.exportPack.mockRejectedValue(new ApiError("pack_refused", "It holds 1 sticker; WhatsApp takes 3 to 30.", 422));
    const wrapper = panel(pack("a"));
    await choose(wrapper, "WhatsApp");
    expect(wrapper.get("[role=alert]").text()).toContain("takes 3 to 30");
    wrapper.unmount();
  });

  it("waits while the server is busy, and can be cancelled", async () => {
    vi.useFakeTimers();
    api.makeSticker.mockRejectedValue(new ApiError("busy", "Busy.", 503, 2));
    const wrapper = panel();
    await choose(wrapper, "Signal");
    expect(wrapper.text()).toContain("Signal: 0 of 3 made");
    await vi.advanceTimersByTimeAsync(2000);
    expect(api.makeSticker).toHaveBeenCalledTimes(2);
    await wrapper.get(".way button").trigger("click");
    await vi.advanceTimersByTimeAsync(10_000);
    expect(api.makeSticker).toHaveBeenCalledTimes(2);
    expect(wrapper.find(".way").exists()).toBe(false);
    expect(wrapper.find("[role=alert]").exists()).toBe(false);
    vi.useRealTimers();
    wrapper.unmount();
  });
});

describe("the list of packs", () => {
  it("shows each with its picture, and says what to do where there is none", async () => {
    const plugins = [makeRouter(createMemoryHistory())];
    api.listPacks.mockResolvedValueOnce([{ ...pack("a"), tray_url: "/a.webp" }]).mockResolvedValueOnce([]);
    const full = mount(PacksPage, { global: { plugins } });
    await flushPromises();
    expect(full.get("a.pack").attributes("href")).toBe("/packs/cats");
    expect(full.get("a.pack").text()).toContain("1 sticker");
    const empty = mount(PacksPage, { global: { plugins } });
    await flushPromises();
    expect(empty.text()).toContain("No packs yet");
  });
});
