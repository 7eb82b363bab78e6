/** The editor as the service shows it, on a picture made here: `?side=4096`, or `?photo=URL&mask=URL`. */
import { createApp, h, shallowRef } from "vue";
import MaskEditor from "../../src/fix/MaskEditor.vue";
import type { Photo } from "../../src/api/types";
import { beginDraft } from "../../src/drafts/draft";
import type { Editor } from "../../src/editor/editor";
import { History } from "../../src/editor/history";
import { loadImage } from "../../src/editor/load";
import { decodePng, encodePng } from "../../src/editor/png";
import type { StrokeNote } from "../../src/editor/stroke";
import { paintedPhoto, random, softMask } from "./scene";
import "../../src/styles/main.scss";

interface Bench {
  /** Milliseconds from the decoded picture and the mask's bytes to the first frame with both. */
  opened: number;
  editor: Editor;
  encode(): Promise<{ ms: number; bytes: number }>;
  /** So many strokes of a dozen moves, one a frame, straight into the engine; each is written down before the next. */
  strokes(count: number): Promise<void>;
  /** Milliseconds from the end of a scribble with a smart tool, as large as it can be, to its answer in the mask. */
  scribble(tool: "smart" | "hair"): Promise<number>;
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
    async strokes(count) {
      const next = random(4);
      const contact = (x: number, y: number) => ({ id: 1, kind: "mouse", at: { x, y } });
      for (let i = 0; i < count; i++) {
        let [x, y] = [innerWidth * (0.3 + 0.4 * next()), innerHeight * (0.1 + 0.7 * next())];
        editor.pointerDown(contact(x, y), false);
        for (let move = 0; move < 12; move++) {
          editor.pointerMove(contact((x += 28 * next() - 14), (y += 28 * next() - 14)));
        }
        editor.pointerUp(1);
        await draft.settled();
        await new Promise(requestAnimationFrame);
      }
    },
    async scribble(tool) {
      editor.set({ tool, size: 160 });
      const { x, y, scale } = editor.view;
      const points = Array.from({ length: 20 }, (_, i) => ({
        x: x + scale * plane.width * (0.45 + 0.01 * i),
        y: y + scale * plane.height * 0.16,
      }));
      editor.pointerDown({ id: 1, kind: "mouse", at: points[0] }, false);
      for (const at of points) editor.pointerMove({ id: 1, kind: "mouse", at });
      const from = performance.now();
      editor.pointerUp(1);
      while (editor.busy) await new Promise((resolve) => setTimeout(resolve));
      return performance.now() - from;
    },
  };
}

const style = document.createElement("style");
style.textContent =
  ".bench{position:fixed;inset:0;display:flex;flex-direction:column;color:#e8eeee;background:#0e1213}";
document.head.append(style);
void open();
