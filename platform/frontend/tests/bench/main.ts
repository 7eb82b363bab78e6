/** The editor as the service shows it, on a picture made here: `?side=4096`, or `?photo=URL&mask=URL`. */
import { createApp, h, shallowRef } from "vue";
import MaskEditor from "../../src/components/MaskEditor.vue";
import type { Photo } from "../../src/api/types";
import { beginDraft } from "../../src/drafts/draft";
import type { Editor } from "../../src/editor/editor";
import { History } from "../../src/editor/history";
import { loadImage } from "../../src/editor/load";
import { decodePng, encodePng } from "../../src/editor/png";
import type { StrokeNote } from "../../src/editor/stroke";
import { paintedPhoto, softMask } from "./scene";
import "../../src/styles/main.scss";

interface Bench {
  /** Milliseconds from the decoded picture and the mask's bytes to the first frame with both. */
  opened: number;
  editor: Editor;
  encode(): Promise<{ ms: number; bytes: number }>;
}

declare global {
  interface Window {
    bench?: Bench;
    watch?: (event: PointerEvent) => void;
  }
}

const query = new URLSearchParams(location.search);

async function picture(): Promise<{ photo: string; mask: ArrayBuffer }> {
  const given = query.get("photo");
  if (given) return { photo: given, mask: await (await fetch(query.get("mask")!)).arrayBuffer() };
  const side = Number(query.get("side") ?? "1024");
  const mask = await (await encodePng(softMask(side))).arrayBuffer();
  return { photo: URL.createObjectURL(await paintedPhoto(side)), mask };
}

/** With `?wait=1` the bench begins when it is told to, for a profile. */
function begin(): Promise<void> | void {
  if (query.has("wait")) return new Promise((resolve) => Object.assign(window, { go: resolve, ready: true }));
}

async function open(): Promise<void> {
  const { photo, mask } = await picture();
  const image = await loadImage(photo);
  await begin();
  const started = performance.now();
  const plane = await decodePng(mask);
  // As on the page: every stroke is written down before the next one begins.
  const about = { id: "bench", name: "bench", prediction: { id: "bench" }, correction: null } as unknown as Photo;
  const draft = await beginDraft(about, { mask, strokes: [], seconds: 0 });
  const history = new History<StrokeNote>(plane, { keeper: draft });
  const shown = shallowRef<InstanceType<typeof MaskEditor> | null>(null);
  createApp({
    setup: () => () =>
      h("main", { class: "bench" }, [
        h(MaskEditor, { ref: shown, image, plane, name: "bench", saving: false, begun: { history } }),
      ]),
  }).mount("#app");
  await new Promise(requestAnimationFrame);
  await new Promise((resolve) => setTimeout(resolve));
  const editor = shown.value!.editor!;
  window.bench = {
    opened: performance.now() - started,
    editor,
    async encode() {
      const from = performance.now();
      const blob = await editor.mask();
      return { ms: performance.now() - from, bytes: blob.size };
    },
  };
}

const style = document.createElement("style");
style.textContent =
  ".bench{position:fixed;inset:0;display:flex;flex-direction:column;color:#e8eeee;background:#0e1213}";
document.head.append(style);
void open();
