import { beforeEach, describe, expect, it, vi } from "vitest";
import { Editor, MAX_SIZE, MIN_SIZE } from "../../src/editor/editor";
import { createPlane } from "../../src/editor/tools/kernels";
import { commandOf } from "../../src/editor/view/keys";
import { decodePng } from "../../src/editor/png";
import { Stopwatch } from "../../src/editor/view/stopwatch";
import { fit, keepInSight, toPhoto, toScreen, zoomAt } from "../../src/editor/view/viewport";
import { differencePixels, overlayPixels, stickerPixels } from "../../src/editor/view/compositing";

const screen = {
  resize: vi.fn(),
  setView: vi.fn(),
  setMode: vi.fn(),
  invalidate: vi.fn(),
  destroy: vi.fn(),
  setTint: vi.fn(),
  compare: vi.fn(),
};
const mouse = (x: number, y: number) => ({ id: 1, kind: "mouse", at: { x, y } });

describe("editor", () => {
  let editor: Editor;
  beforeEach(() => {
    editor = new Editor(createPlane(100, 100), screen);
    editor.resize({ width: 132, height: 132 }); // margin 16: one photo pixel is one screen pixel
  });
  const at = (x: number, y: number) => editor.plane.data[y * 100 + x];

  it("paints where the pointer is", () => {
    editor.pointerDown(mouse(16 + 50, 16 + 50), false);
    editor.pointerUp(1);
    expect(at(50, 50)).toBe(255);
    expect(editor.history.canUndo).toBe(true);
    editor.undo();
    expect(at(50, 50)).toBe(0);
  });

  it("moves the photo instead while Space is held over it", () => {
    editor.pointerMove(mouse(50, 50));
    editor.spaceDown();
    editor.pointerDown(mouse(50, 50), false);
    editor.pointerMove(mouse(60, 50));
    editor.pointerUp(1);
    editor.spaceUp();
    expect(editor.view.x).toBe(26);
    expect(editor.history.canUndo).toBe(false);
  });

  it("is usable by keyboard alone: a dab, and a line with Space held", () => {
    editor.dab();
    expect(at(50, 50)).toBe(255);
    editor.moveCursor(-40, 0);
    editor.set({ tool: "eraser" });
    editor.set({ tool: "brush" });
    editor.set({ size: 4 });
    editor.spaceDown();
    editor.moveCursor(0, 30);
    editor.spaceUp();
    expect(at(10, 50)).toBe(255);
    expect(at(10, 75)).toBe(255);
    expect(at(10, 90)).toBe(0);
    expect(editor.strokes).toHaveLength(2);
  });

  it("keeps the keyboard's brush where it is on the photo when the screen changes", () => {
    editor.showCursor();
    editor.resize({ width: 232, height: 332 });
    editor.dab();
    expect(at(50, 50)).toBe(255);
    editor.moveCursor(20, 0);
    const before = toPhoto(editor.view, editor.cursor!);
    editor.scroll(0, 30);
    expect(toPhoto(editor.view, editor.cursor!).x).toBeCloseTo(before.x);
    expect(toPhoto(editor.view, editor.cursor!).y).toBeCloseTo(before.y);
  });

  it("never moves the keyboard's brush off the photo", () => {
    for (let i = 0; i < 30; i++) editor.moveCursor(-20, -20);
    expect(toPhoto(editor.view, editor.cursor!)).toEqual({ x: 0, y: 0 });
  });

  it("paints finer when zoomed in", () => {
    const before = editor.diameter;
    editor.zoom(2);
    expect(editor.diameter).toBeCloseTo(before / 2);
  });

  it("keeps the size of the brush in its range", () => {
    editor.set({ size: 1 });
    expect(editor.settings.size).toBe(MIN_SIZE);
    editor.set({ size: 9999 });
    expect(editor.settings.size).toBe(MAX_SIZE);
  });

  it("saves exactly what was painted", async () => {
    editor.dab();
    const back = await decodePng(await (await editor.mask()).arrayBuffer());
    expect([...back.data]).toEqual([...editor.plane.data]);
    editor.markSaved();
    expect(editor.history.changed).toBe(false);
  });
});

describe("viewport", () => {
  const view = { scale: 1.5, x: 20, y: -7 };

  it("maps points there and back", () => {
    expect(toPhoto(view, toScreen(view, { x: 33, y: 44 }))).toEqual({ x: 33, y: 44 });
  });

  it("fits the photo inside the screen, in the middle", () => {
    expect(fit({ width: 400, height: 200 }, { width: 432, height: 432 })).toEqual({ scale: 1, x: 16, y: 116 });
  });

  it("zooms around a point and stays within its limits", () => {
    const centre = { x: 120, y: 80 };
    const zoomed = zoomAt(view, 3, centre, 0.1);
    expect(toPhoto(zoomed, centre).x).toBeCloseTo(toPhoto(view, centre).x);
    expect(zoomAt(view, 1e6, centre, 0.1).scale).toBe(32);
    expect(zoomAt(view, 1e-6, centre, 0.1).scale).toBe(0.1);
  });

  it("keeps a part of the photo in sight", () => {
    const photo = { width: 100, height: 100 };
    const away = keepInSight({ scale: 1, x: -5000, y: 5000 }, photo, { width: 300, height: 300 });
    expect(away).toEqual({ scale: 1, x: -52, y: 252 });
  });
});

describe("compositing", () => {
  const plane = createPlane(4, 1);
  plane.data.set([0, 255, 255, 0]);
  const view = { scale: 2, x: 1, y: 0 };
  const rect = { left: 0, top: 0, right: 10, bottom: 2 };

  it("cuts the photo with the mask, and shows nothing outside of it", () => {
    const out = new Uint32Array(20);
    stickerPixels(plane, view, rect, out);
    expect([...out.slice(0, 10)].map((pixel) => pixel >>> 24)).toEqual([0, 0, 0, 255, 255, 255, 255, 0, 0, 0]);
  });

  it("tints what is cut away and lines the edge", () => {
    const out = new Uint32Array(20);
    overlayPixels(plane, view, rect, out);
    const alpha = [...out.slice(0, 10)].map((pixel) => pixel >>> 24);
    expect(alpha).toEqual([0, 133, 133, 235, 0, 0, 0, 235, 133, 0]);
  });

  it("shows the same whether drawn whole or in parts", () => {
    const whole = new Uint32Array(20);
    overlayPixels(plane, view, rect, whole);
    const part = new Uint32Array(8);
    overlayPixels(plane, view, { left: 3, top: 0, right: 7, bottom: 2 }, part);
    expect([...part.slice(0, 4)]).toEqual([...whole.slice(3, 7)]);
  });

  it("tells added from removed", () => {
    const before = createPlane(2, 1);
    const after = createPlane(2, 1);
    before.data.set([255, 0]);
    after.data.set([0, 255]);
    const [removed, added] = differencePixels(before, after);
    expect(removed & 255).toBeGreaterThan((removed >> 8) & 255);
    expect(added & 255).toBeLessThan((added >> 8) & 255);
  });
});

describe("keys", () => {
  const key = (name: string, more = {}) =>
    commandOf({ key: name, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...more });

  it("name commands", () => {
    expect(key("b")).toBe("brush");
    expect(key("E", { shiftKey: true })).toBe("eraser");
    expect(key("z", { ctrlKey: true })).toBe("undo");
    expect(key("Z", { metaKey: true, shiftKey: true })).toBe("redo");
    expect(key("?", { shiftKey: true })).toBe("help");
    expect(key("s")).toBe("smart");
    expect(key("q")).toBeNull();
    expect(key("s", { ctrlKey: true })).toBe("save");
    expect(key("b", { altKey: true })).toBeNull();
  });
});

it("the stopwatch does not count a long pause", () => {
  let now = 0;
  const watch = new Stopwatch(() => now, 30);
  now = 10;
  watch.tick();
  now = 3600;
  watch.tick();
  now = 3605;
  expect(watch.seconds).toBe(45);
});
