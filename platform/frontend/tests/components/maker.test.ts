import { flushPromises, mount } from "@vue/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { nextTick, reactive } from "vue";
import { ApiError, get } from "../../src/api/client";
import type { Photo, Sticker, Style } from "../../src/api/types";
import DownloadMenu from "../../src/maker/DownloadMenu.vue";
import DropZone from "../../src/maker/DropZone.vue";
import PhotoCard from "../../src/maker/PhotoCard.vue";
import UploadCard from "../../src/maker/UploadCard.vue";
import { forgetStickers, lookForStickers } from "../../src/maker/knownStickers";
import { spoken } from "../../src/common/composables/useAnnouncer";
import type { Upload } from "../../src/maker/uploadQueue";
import { USUAL } from "../../src/maker/look";

const PLAIN: Style = { ...USUAL, outline: 0 };

const { makeSticker, listStickers } = vi.hoisted(() => ({ makeSticker: vi.fn(), listStickers: vi.fn() }));
vi.mock("../../src/api/stickers", () => ({ makeSticker, listStickers }));

const photo: Photo = {
  id: "p",
  name: "cat.jpg",
  width: 10,
  height: 10,
  image_url: "/photo.jpg",
  consent: false,
  created_at: "",
  prediction: {
    id: "q",
    mask_url: "/mask.png",
    weights: "w",
    device: "cpu",
    uncertainty: 0.1,
    subject_found: true,
    created_at: "",
  },
  correction: null,
};
const sticker: Sticker = {
  id: "s",
  photo: "p",
  file_url: "/sticker.webp",
  target: "telegram",
  outline: true,
  style: USUAL,
  subject: "all",
  subjects: [[0.5, 0.5]],
  width: 9,
  height: 8,
  bytes: 1234,
  filename: "cat-telegram.webp",
  notes: [],
  quality: null,
  ssim: 1,
};

function card(given: Photo = photo, look: Style = USUAL) {
  return mount(PhotoCard, {
    props: { photo: given, preview: undefined, backdrop: "checkerboard", look },
    global: { stubs: { RouterLink: { template: "<span><slot :navigate='() => {}' /></span>" } } },
  });
}

beforeEach(() => {
  vi.stubGlobal("IntersectionObserver", undefined); // every card is in view
  forgetStickers("p");
  makeSticker.mockReset().mockResolvedValue(sticker);
  listStickers.mockReset().mockResolvedValue([]);
});

describe("photo card", () => {
  it("makes the sticker at once and shows it beside the photo", async () => {
    const wrapper = card();
    await flushPromises();
    expect(makeSticker).toHaveBeenCalledWith("p", { style: USUAL, subject: "all" }, "telegram", expect.anything());
    expect(wrapper.get("img[alt='Sticker of cat.jpg']").attributes("src")).toBe("/sticker.webp");
    expect(wrapper.get("img[alt='Photo cat.jpg']").attributes("src")).toBe("/photo.jpg");
  });

  it("makes it anew without outline, and after a fix", async () => {
    const wrapper = card();
    await flushPromises();
    await wrapper.get("[role=switch]").setValue(false);
    expect(wrapper.emitted("update:look")).toEqual([[PLAIN]]);
    await wrapper.setProps({ look: PLAIN });
    await flushPromises();
    expect(makeSticker).toHaveBeenLastCalledWith("p", { style: PLAIN, subject: "all" }, "telegram", expect.anything());
    const correction = { id: "c", mask_url: "", version: 1, state: "private" as const, reason: "", created_at: "" };
    await wrapper.setProps({ photo: { ...photo, correction } });
    expect(makeSticker).toHaveBeenCalledTimes(3);
  });

  it("makes no sticker that is there already, and one as soon as the mask is another", async () => {
    listStickers.mockResolvedValue([sticker]);
    await lookForStickers([photo]);
    const wrapper = card();
    await flushPromises();
    expect(wrapper.get("img[alt='Sticker of cat.jpg']").attributes("src")).toBe("/sticker.webp");
    expect(makeSticker).not.toHaveBeenCalled();
    const correction = { id: "c", mask_url: "", version: 1, state: "private" as const, reason: "", created_at: "" };
    await wrapper.setProps({ photo: { ...photo, correction } });
    expect(makeSticker).toHaveBeenCalledOnce();
  });

  it("waits until it is in view", async () => {
    let come: (entries: { isIntersecting: boolean }[]) => void = () => {};
    class Observer {
      observe = vi.fn();
      disconnect = vi.fn();
      constructor(callback: typeof come) {
        come = callback;
      }
    }
    vi.stubGlobal("IntersectionObserver", Observer);
    card();
    await flushPromises();
    come([{ isIntersecting: false }]);
    await flushPromises();
    expect(makeSticker).not.toHaveBeenCalled();
    come([{ isIntersecting: true }]);
    await flushPromises();
    expect(makeSticker).toHaveBeenCalledOnce();
    vi.unstubAllGlobals();
  });

  it("keeps the last good sticker when a newer one can't be made, and makes it once the server is back", async () => {
    const wrapper = card();
    await flushPromises();
    const fetching = vi.fn().mockRejectedValueOnce(new TypeError("no network"));
    vi.stubGlobal("fetch", fetching);
    makeSticker.mockImplementationOnce(() => get("/somewhere"));
    await wrapper.setProps({ look: PLAIN });
    await flushPromises();
    expect(wrapper.get("img[alt='Sticker of cat.jpg']").attributes("src")).toBe("/sticker.webp");
    expect(wrapper.get("[role=alert]").text()).toContain("can't be reached");
    fetching.mockResolvedValue(new Response("{}"));
    makeSticker.mockResolvedValue({ ...sticker, id: "plain", outline: false, style: PLAIN, file_url: "/plain.webp" });
    window.dispatchEvent(new Event("online"));
    await flushPromises();
    expect(wrapper.get("img[alt='Sticker of cat.jpg']").attributes("src")).toBe("/plain.webp");
    expect(wrapper.find("[role=alert]").exists()).toBe(false);
    vi.unstubAllGlobals();
  });

  it("tells the author what became of a fix", () => {
    const fixed = (state: "waiting" | "approved" | "rejected" | "private", reason = "") =>
      card({ ...photo, correction: { id: "c", mask_url: "", version: 1, state, reason, created_at: "" } }).text();
    expect(fixed("waiting")).toContain("waits for a reviewer");
    expect(fixed("approved")).toContain("approved");
    expect(fixed("rejected", "the edge is not clean")).toContain("“the edge is not clean”");
    expect(fixed("private")).not.toContain("Your fix");
  });

  it("says what to do when no subject was found, and asks for no sticker", async () => {
    const wrapper = card({ ...photo, prediction: { ...photo.prediction!, subject_found: false } });
    await flushPromises();
    expect(wrapper.text()).toContain("No subject found — paint it yourself with Fix, or try another photo.");
    expect(makeSticker).not.toHaveBeenCalled();
    expect(wrapper.get("button.fix").attributes("disabled")).toBeUndefined();
  });

  it("shows an error with a way to try again", async () => {
    makeSticker.mockRejectedValueOnce(new ApiError("invalid", "That went wrong.", 500));
    const wrapper = card();
    await flushPromises();
    expect(wrapper.get("[role=alert]").text()).toContain("That went wrong.");
    await wrapper.get("[role=alert] button").trigger("click");
    await flushPromises();
    expect(wrapper.find("[role=alert]").exists()).toBe(false);
    expect(wrapper.find("img[alt='Sticker of cat.jpg']").exists()).toBe(true);
  });

  it("waits and goes on by itself when the server is busy", async () => {
    vi.useFakeTimers();
    makeSticker.mockRejectedValueOnce(new ApiError("busy", "Busy.", 503, 2));
    const wrapper = card();
    await vi.advanceTimersByTimeAsync(0);
    expect(wrapper.text()).toContain("Trying again");
    await vi.advanceTimersByTimeAsync(2000);
    expect(wrapper.find("img[alt='Sticker of cat.jpg']").exists()).toBe(true);
    vi.useRealTimers();
  });
});

describe("sharing", () => {
  const share = vi.fn();
  const button = () => card().find("button[aria-label=Share]");
  afterEach(() => vi.unstubAllGlobals());

  it("is offered only where the device takes pictures", () => {
    expect(button().exists()).toBe(false);
    vi.stubGlobal("navigator", { canShare: () => false, share });
    expect(button().exists()).toBe(false);
  });

  it("hands the device the sticker's file, and says it where the device refuses", async () => {
    vi.stubGlobal("navigator", { canShare: () => true, share });
    vi.stubGlobal("fetch", vi.fn().mockResolvedValue(new Response("webp")));
    share.mockReset().mockResolvedValueOnce(undefined).mockRejectedValueOnce(new DOMException("", "NotAllowedError"));
    const wrapper = card();
    await flushPromises();
    await wrapper.get("button[aria-label=Share]").trigger("click");
    await vi.waitFor(() => expect(spoken.value).toBe("Shared."));
    const [file] = share.mock.calls[0][0].files as File[];
    expect([file.name, file.type, await file.text()]).toEqual(["cat-telegram.webp", "image/webp", "webp"]);
    vi.mocked(fetch).mockResolvedValue(new Response("webp"));
    await wrapper.get("button[aria-label=Share]").trigger("click");
    await vi.waitFor(() => expect(spoken.value).toContain("Download it"));
  });
});

describe("choice of subject", () => {
  const two = {
    ...sticker,
    subjects: [
      [0.2, 0.5],
      [0.75, 0.4983],
    ],
  };

  it("is offered only when there is more than one", async () => {
    const wrapper = card();
    await flushPromises();
    expect(wrapper.find("fieldset").exists()).toBe(false);
    makeSticker.mockResolvedValue(two);
    await wrapper.setProps({ look: PLAIN });
    await flushPromises();
    expect(wrapper.get("fieldset legend").text()).toBe("Which subject of cat.jpg");
  });

  it("takes all, the largest or one of them, by radio buttons that say which is where", async () => {
    makeSticker.mockResolvedValue(two);
    const wrapper = card();
    await flushPromises();
    const radios = wrapper.findAll("input[type=radio]");
    expect(
      radios.map((radio) => radio.attributes("aria-label") ?? radio.element.parentElement!.textContent!.trim()),
    ).toEqual(["Subject 1 of 2, left", "Subject 2 of 2, right", "All", "Largest"]);
    expect((radios[2].element as HTMLInputElement).checked).toBe(true);
    await radios[1].trigger("change");
    expect(wrapper.emitted("update:subject")).toEqual([["0.7500,0.4983"]]);
  });

  it("takes a click on the photo, and keeps the choice when the click is beside everything", async () => {
    makeSticker.mockResolvedValue(two);
    const wrapper = card();
    await flushPromises();
    const box = wrapper.get(".box");
    box.element.getBoundingClientRect = () => ({ left: 100, top: 0, width: 200, height: 100 }) as DOMRect;
    makeSticker.mockRejectedValueOnce(new ApiError("no_subject_there", "There is no subject at this point.", 422));
    await box.trigger("click", { clientX: 250, clientY: 50 });
    await flushPromises();
    expect(wrapper.emitted("update:subject")).toEqual([["0.7500,0.5000"], ["all"]]);
    expect(wrapper.find("img[alt='Sticker of cat.jpg']").exists()).toBe(true);
  });

  it("asks for the chosen subject, and downloads it", async () => {
    const wrapper = card();
    await wrapper.setProps({ subject: "largest" });
    await flushPromises();
    expect(makeSticker).toHaveBeenLastCalledWith(
      "p",
      { style: USUAL, subject: "largest" },
      "telegram",
      expect.anything(),
    );
  });
});

describe("download", () => {
  it("hands out what is shown, and makes the other formats only then", async () => {
    const saved: string[] = [];
    vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
      saved.push(this.download);
    });
    const wrapper = card();
    await flushPromises();
    makeSticker.mockResolvedValue({ ...sticker, target: "png", filename: "cat-sticker.png" });
    wrapper.getComponent(DownloadMenu).vm.$emit("choose", "telegram");
    await flushPromises();
    expect(makeSticker).toHaveBeenCalledTimes(1);
    wrapper.getComponent(DownloadMenu).vm.$emit("choose", "png");
    await flushPromises();
    expect(makeSticker).toHaveBeenLastCalledWith("p", { style: USUAL, subject: "all" }, "png");
    expect(saved).toEqual(["cat-telegram.webp", "cat-sticker.png"]);
    vi.restoreAllMocks();
  });
});

describe("download menu", () => {
  it("opens to three formats, moves by arrow keys, and closes by Escape", async () => {
    const wrapper = mount(DownloadMenu, { props: { busy: false, disabled: false }, attachTo: document.body });
    const button = wrapper.get("button[aria-haspopup=menu]");
    await button.trigger("click");
    await nextTick();
    const items = wrapper.findAll("[role=menuitem]");
    expect(items.map((item) => item.get("strong").text())).toEqual(["PNG", "WhatsApp", "Telegram"]);
    expect(document.activeElement).toBe(items[0].element);
    await wrapper.get("[role=menu]").trigger("keydown", { key: "ArrowDown" });
    expect(document.activeElement).toBe(items[1].element);
    await wrapper.get("[role=menu]").trigger("keydown", { key: "Escape" });
    expect(button.attributes("aria-expanded")).toBe("false");
    expect(document.activeElement).toBe(button.element);
    await button.trigger("click");
    await items[2].trigger("click");
    expect(wrapper.emitted("choose")).toEqual([["telegram"]]);
    wrapper.unmount();
  });
});

describe("drop zone", () => {
  it("has an input called “Choose photos” that takes several files", () => {
    const wrapper = mount(DropZone, { props: { compact: false } });
    const input = wrapper.get("#choose-photos");
    expect(input.attributes("multiple")).toBeDefined();
    expect(wrapper.get("label[for=choose-photos]").text()).toBe("Choose photos");
  });

  it("takes pictures pasted anywhere on the page", () => {
    const wrapper = mount(DropZone, { props: { compact: false } });
    const pasted = new File(["x"], "pasted.png");
    const event = new Event("paste");
    Object.assign(event, { clipboardData: { files: [pasted] } });
    window.dispatchEvent(event);
    expect(wrapper.emitted("files")).toEqual([[[pasted]]]);
    wrapper.unmount();
  });
});

describe("upload card", () => {
  const upload = (more: Partial<Upload>): Upload =>
    reactive({
      id: "u",
      file: new File(["x"], "cat.jpg"),
      preview: "blob:x",
      state: "uploading" as const,
      progress: 0.4,
      error: "",
      hopeless: false,
      resumeAt: 0,
      ...more,
    });

  it("shows how far it is", () => {
    const wrapper = mount(UploadCard, { props: { upload: upload({}) } });
    expect(wrapper.get("progress").attributes("value")).toBe("40");
    expect(wrapper.text()).toContain("Sending… 40 %");
  });

  it("offers Retry beside the sentence when it failed", async () => {
    const wrapper = mount(UploadCard, { props: { upload: upload({ state: "failed", error: "Not a picture." }) } });
    expect(wrapper.get("[role=alert]").text()).toBe("Not a picture.");
    const retry = wrapper.findAll("button").find((button) => button.text() === "Retry")!;
    await retry.trigger("click");
    expect(wrapper.emitted("retry")).toHaveLength(1);
  });

  it("offers no Retry where the file itself is refused", () => {
    const refused = upload({ state: "failed", error: "This is a PDF: send a JPEG.", hopeless: true });
    const wrapper = mount(UploadCard, { props: { upload: refused } });
    expect(wrapper.findAll("button").map((button) => button.text())).toEqual(["Delete"]);
  });

  it("counts down while the server is busy", () => {
    const wrapper = mount(UploadCard, {
      props: { upload: upload({ state: "paused", error: "Busy.", resumeAt: Date.now() + 2500 }) },
    });
    expect(wrapper.text()).toMatch(/Goes on by itself in [23] s/);
    wrapper.unmount();
  });
});
