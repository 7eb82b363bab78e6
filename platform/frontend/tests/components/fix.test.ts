import { flushPromises, mount } from "@vue/test-utils";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { defineComponent, h } from "vue";
import { createMemoryHistory, createRouter, RouterView, type Router } from "vue-router";
import "fake-indexeddb/auto";
import { ApiError } from "../../src/api/client";
import { useOutbox } from "../../src/fix/useOutbox";
import { useSession } from "../../src/common/composables/useSession";
import { createPlane } from "../../src/editor/tools/kernels";
import { encodePng } from "../../src/editor/png";
import FixPage from "../../src/fix/FixPage.vue";

const api = vi.hoisted(() => ({
  readPhoto: vi.fn(),
  sendPhoto: vi.fn(),
  readMaskBytes: vi.fn(),
  readCorrection: vi.fn(),
  submitCorrection: vi.fn(),
  giveConsentTo: vi.fn(),
  giveConsent: vi.fn(),
  readSession: vi.fn(),
}));
vi.mock("../../src/api/photos", () => api);
vi.mock("../../src/api/corrections", () => api);
vi.mock("../../src/api/session", () => api);
vi.mock("../../src/editor/load", () => ({ loadImage: async () => new Image() }));

const work = {
  strokes: [],
  seconds: 2,
  history: { notes: [] },
  mask: async () => new Blob(["mask"]),
  changes: async () => ({ png: new ArrayBuffer(1), left: 0, top: 0, sha256: "0" }),
  markSaved: vi.fn(),
};
const state = { changed: true };
const EditorStub = defineComponent({
  name: "MaskEditor",
  emits: ["save", "close"],
  setup(_, { expose }) {
    expose({ editor: work, state });
    return () => h("div", { role: "application" });
  },
});
const saved = { id: "c", mask_url: "", version: 1, state: "private", reason: "", created_at: "" };

async function open() {
  const router = createRouter({
    history: createMemoryHistory(),
    routes: [
      { path: "/", component: { template: "<p>maker</p>" } },
      { path: "/fix/:photo", component: FixPage },
    ],
  });
  await router.push("/fix/p");
  const wrapper = mount(RouterView, {
    global: { plugins: [router], stubs: { MaskEditor: EditorStub } },
    attachTo: document.body,
  });
  await until(() => expect(wrapper.find("main [role=status]").exists()).toBe(false));
  const button = (name: string) => wrapper.findAll("button").find((each) => each.text() === name)!;
  return { wrapper, router, button };
}

const nobody = {
  user: null,
  consent: false,
  consent_asked: false,
  photos: 3,
  photos_consented: 0,
  retention_hours: 168,
};

/** The browser's database answers in tasks of its own. */
const until = (check: () => void) => vi.waitFor(check, { timeout: 5000, interval: 10 });
const at = (router: Router, path: string) => until(() => expect(router.currentRoute.value.path).toBe(path));

beforeEach(async () => {
  for (const call of Object.values(api)) call.mockReset();
  const photo = { id: "p", name: "cat", image_url: "/i", prediction: { id: "q", mask_url: "/m" }, correction: null };
  api.readPhoto.mockResolvedValue(photo);
  api.readMaskBytes.mockResolvedValue(await (await encodePng(createPlane(2, 2, 255))).arrayBuffer());
  api.submitCorrection.mockResolvedValue(saved);
  api.readSession.mockResolvedValue(nobody);
  api.giveConsent.mockImplementation(async (consent) => ({ ...nobody, consent, consent_asked: true }));
  api.giveConsentTo.mockResolvedValue({ ...nobody, photos_consented: 1 });
  await useSession().reload();
});

describe("fixing a cut", () => {
  it("asks about learning at the first save, plainly, before anything is sent", async () => {
    const { wrapper, router, button } = await open();
    await button("Save").trigger("click");
    expect(wrapper.get("dialog").text()).toContain("May we learn from your fix?");
    expect(wrapper.find("dialog input").exists()).toBe(false);
    expect(api.submitCorrection).not.toHaveBeenCalled();
    await button("No thanks").trigger("click");
    await until(() => expect(api.submitCorrection).toHaveBeenCalledOnce());
    expect(api.giveConsent).toHaveBeenCalledWith(false);
    await at(router, "/");
    wrapper.unmount();
  });

  it("says first what it switches on, for whom and for how long", async () => {
    const { wrapper, button } = await open();
    await button("Save").trigger("click");
    const [first, second] = wrapper.findAll("dialog p").map((each) => each.text().replace(/\s+/g, " "));
    expect(first).toContain("“Only this photo”");
    expect(first).toContain("the 3 photos of yours here and all that you still bring");
    expect(second).toContain("The reviewers of this StickerSnap see what you allow, and nobody else");
    expect(second).toContain("deleted after 7 days");
    expect(document.activeElement?.textContent).toBe("No thanks");
    wrapper.unmount();
  });

  it("allows one photo alone, and asks again about the next", async () => {
    const { wrapper, router, button } = await open();
    await button("Save").trigger("click");
    await button("Only this photo").trigger("click");
    await at(router, "/");
    expect(api.giveConsentTo).toHaveBeenCalledWith("p", true);
    expect(api.giveConsent).not.toHaveBeenCalled();
    expect(useSession().consentAsked.value).toBe(false);
    wrapper.unmount();
  });

  it("a no for one photo takes nothing back that others were allowed", async () => {
    api.readSession.mockResolvedValue({ ...nobody, photos_consented: 1 });
    await useSession().reload();
    const { wrapper, router, button } = await open();
    await button("Save").trigger("click");
    await button("No thanks").trigger("click");
    await at(router, "/");
    expect(api.giveConsentTo).toHaveBeenCalledWith("p", false);
    expect(api.giveConsent).not.toHaveBeenCalled();
    wrapper.unmount();
  });

  it("does not ask again", async () => {
    await useSession().giveConsent(true);
    const { wrapper, button } = await open();
    await button("Save").trigger("click");
    await until(() => expect(api.submitCorrection).toHaveBeenCalledOnce());
    wrapper.unmount();
  });

  it("keeps the work open when the server refuses it, with a way to try again", async () => {
    await useSession().giveConsent(false);
    api.submitCorrection.mockRejectedValueOnce(new ApiError("empty_mask", "The mask is empty.", 400));
    const { wrapper, router, button } = await open();
    await button("Save").trigger("click");
    await until(() => expect(wrapper.get("[role=alert]").text()).toContain("empty. Your work is still here."));
    expect(wrapper.find("[role=application]").exists()).toBe(true);
    await button("Retry").trigger("click");
    await at(router, "/");
    wrapper.unmount();
  });

  it("leaves the fix to the queue without a connection, and sends it when there is one", async () => {
    api.giveConsent.mockRejectedValueOnce(new ApiError("unreachable", "No connection.", 0));
    api.submitCorrection.mockRejectedValueOnce(new ApiError("unreachable", "No connection.", 0));
    api.giveConsent.mockRejectedValueOnce(new ApiError("unreachable", "No connection.", 0));
    const { wrapper, router, button } = await open();
    await button("Save").trigger("click");
    await button("All my photos").trigger("click");
    await at(router, "/");
    const { rows, sendNow } = useOutbox();
    await until(() => expect(rows.value).toHaveLength(1));
    expect(rows.value).toMatchObject([{ photo: "p", name: "cat", state: "waiting" }]);
    api.submitCorrection.mockReset().mockResolvedValue(saved);
    await sendNow();
    expect(rows.value).toEqual([]);
    expect(api.giveConsent).toHaveBeenLastCalledWith(true);
    expect(api.submitCorrection.mock.calls[0][0]).toMatchObject({ photo: "p", prediction: "q", version: null });
    wrapper.unmount();
  });

  it("asks before unsaved work is left, and keeps its draft", async () => {
    const { wrapper, router, button } = await open();
    await button("Cancel").trigger("click");
    await flushPromises();
    expect(wrapper.get("dialog").text()).toContain("Leave without saving?");
    expect(document.activeElement?.textContent).toBe("Keep painting"); // Esc, then Enter, keeps the work
    await button("Keep painting").trigger("click");
    await flushPromises();
    expect(router.currentRoute.value.path).toBe("/fix/p");
    const closing = new Event("beforeunload", { cancelable: true });
    window.dispatchEvent(closing);
    expect(closing.defaultPrevented).toBe(false); // every stroke is written down
    await button("Cancel").trigger("click");
    await flushPromises();
    await button("Leave, keep draft").trigger("click");
    await flushPromises();
    expect(router.currentRoute.value.path).toBe("/");
    wrapper.unmount();
  });

  it("says why a photo can't be opened", async () => {
    api.readPhoto.mockRejectedValue(new ApiError("not_found", "There is no such photo.", 404));
    const { wrapper } = await open();
    expect(wrapper.get("[role=alert]").text()).toContain("There is no such photo.");
    wrapper.unmount();
  });
});
