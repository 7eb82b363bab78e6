import { beforeEach, describe, expect, it, vi } from "vitest";
import { Editor } from "../../src/editor/editor";
import type { Job } from "../../src/editor/jobs";
import { createPlane } from "../../src/editor/tools/kernels";
import { PixelPhoto } from "../../src/editor/photo";
import { readRegion, writeRegion } from "../../src/editor/tools/region";
import type { Solver } from "../../src/editor/tools/solver";
import { WorkerSolver } from "../../src/editor/tools/solver";

const SIDE = 200;
const screen = {
  resize: vi.fn(),
  setView: vi.fn(),
  setMode: vi.fn(),
  invalidate: vi.fn(),
  destroy: vi.fn(),
  setTint: vi.fn(),
  compare: vi.fn(),
};
const mouse = (x: number, y: number) => ({ id: 1, kind: "mouse", at: { x: x + 16, y: y + 16 } });

/** Answers when it is told to: every pixel of the job's picture becomes `value`. */
class SlowSolver implements Solver {
  waiting: { job: Job; answer(value: number): Promise<void>; fail(): Promise<void> }[] = [];

  solve(job: Job): Promise<Uint8ClampedArray> {
    return new Promise((resolve, reject) => {
      const pixels = job.kind === "refine" ? job.plane.data.length : job.alpha.length;
      this.waiting.push({
        job,
        async answer(value) {
          resolve(new Uint8ClampedArray(pixels).fill(value));
          await new Promise((done) => setTimeout(done));
        },
        async fail() {
          reject(new Error("The helper fell over."));
          await new Promise((done) => setTimeout(done));
        },
      });
    });
  }

  destroy(): void {}
}

let editor: Editor;
let solver: SlowSolver;
beforeEach(() => {
  solver = new SlowSolver();
  const photo = new PixelPhoto(SIDE, SIDE, new Uint8ClampedArray(4 * SIDE * SIDE).fill(90));
  editor = new Editor(createPlane(SIDE, SIDE), screen, () => {}, { photo, solver });
  editor.resize({ width: SIDE + 32, height: SIDE + 32 }); // one photo pixel is one screen pixel
});
const at = (x: number, y: number) => editor.plane.data[y * SIDE + x];
const untouched = () => editor.plane.data.every((value) => value === 0);

function drag(...points: [number, number][]): void {
  editor.pointerDown(mouse(...points[0]), false);
  for (const point of points.slice(1)) editor.pointerMove(mouse(...point));
  editor.pointerUp(1);
}

describe("a scribble", () => {
  beforeEach(() => editor.set({ tool: "smart", size: 40 }));

  it("shows its line, asks for the cut around it, and becomes one step", async () => {
    editor.pointerDown(mouse(80, 80), false);
    editor.pointerMove(mouse(100, 90));
    expect(editor.sketch?.points).toHaveLength(2);
    editor.pointerUp(1);
    expect(editor.sketch).toBeNull();
    expect(editor.busy).toBe(true);
    const [{ job, answer }] = solver.waiting;
    expect(job).toMatchObject({ kind: "smart", keep: true, reach: 20 });
    await answer(255);
    expect(editor.busy).toBe(false);
    expect(at(90, 85)).toBe(255);
    expect(at(10, 10)).toBe(0);
    expect(editor.strokes).toMatchObject([{ tool: "smart", keep: true, size: 40 }]);
    await editor.undo();
    expect(untouched()).toBe(true);
  });

  it("leaves no trace when the browser takes the pointer away", () => {
    editor.pointerDown(mouse(80, 80), false);
    editor.pointerMove(mouse(100, 90));
    editor.pointerCancel(1);
    expect(editor.sketch).toBeNull();
    expect(solver.waiting).toHaveLength(0);
  });

  it("leaves no trace when it is taken back before its answer", async () => {
    for (const takeBack of [() => editor.escape(), () => editor.undo()]) {
      drag([80, 80], [100, 90]);
      expect(await takeBack()).toBe(true);
      expect(editor.busy).toBe(false);
      await solver.waiting.at(-1)!.answer(255);
      expect(untouched()).toBe(true);
      expect(editor.history.canUndo).toBe(false);
    }
  });

  it("waits with its answer for the end of a stroke, so that taking that back is exact", async () => {
    drag([80, 80], [100, 90]);
    editor.set({ tool: "brush" });
    editor.pointerDown(mouse(90, 85), false);
    await solver.waiting[0].answer(77);
    expect(at(70, 85)).toBe(0);
    editor.pointerCancel(1);
    expect(at(90, 85)).toBe(77);
    expect(at(70, 85)).toBe(77);
  });

  it("is in the mask before the mask is read", async () => {
    drag([80, 80], [100, 90]);
    const mask = editor.mask();
    await solver.waiting[0].answer(255);
    await mask;
    expect(at(90, 85)).toBe(255);
  });

  it("says why when it comes to nothing", async () => {
    drag([80, 80], [100, 90]);
    await solver.waiting[0].fail();
    expect(editor.problem).toBe("The helper fell over.");
    expect(untouched()).toBe(true);
  });
});

describe("outlines", () => {
  it("the lasso fills what it surrounds, or takes it away", () => {
    editor.set({ tool: "lasso" });
    drag([50, 50], [100, 50], [100, 100], [50, 100]);
    expect(at(75, 75)).toBe(255);
    expect(at(120, 75)).toBe(0);
    editor.set({ keep: false });
    drag([60, 60], [90, 60], [90, 90], [60, 90]);
    expect(at(75, 75)).toBe(0);
    expect(at(55, 75)).toBe(255);
    expect(editor.strokes).toMatchObject([
      { tool: "lasso", keep: true },
      { tool: "lasso", keep: false },
    ]);
  });

  it("the polygon is closed by its first corner", () => {
    editor.set({ tool: "polygon" });
    for (const [x, y] of [
      [50, 50],
      [100, 50],
      [100, 100],
      [52, 52],
    ]) {
      drag([x, y]);
    }
    expect(at(90, 60)).toBe(255);
    expect(editor.sketch).toBeNull();
  });

  it("the polygon's corners are taken back one by one, then all", async () => {
    editor.set({ tool: "polygon" });
    for (const x of [50, 100, 150]) drag([x, 50 + (x % 100)]);
    expect(await editor.undo()).toBe(true);
    expect(editor.sketch?.points).toHaveLength(2);
    expect(editor.escape()).toBe(true);
    expect(editor.sketch).toBeNull();
    editor.close();
    expect(untouched()).toBe(true);
  });

  it("by keyboard: Enter sets corners, closing fills", () => {
    editor.set({ tool: "polygon" });
    editor.dab();
    editor.moveCursor(40, 0);
    editor.dab();
    editor.moveCursor(0, 40);
    editor.dab();
    editor.close();
    expect(at(130, 110)).toBe(255);
  });

  it("a selection bounds what a refinement changes", async () => {
    editor.set({ tool: "lasso", select: true });
    drag([50, 50], [100, 50], [100, 100], [50, 100]);
    expect(editor.selection).not.toBeNull();
    expect(untouched()).toBe(true);
    editor.refine("grow");
    await solver.waiting[0].answer(255);
    expect(at(75, 75)).toBe(255);
    expect(at(48, 75)).toBe(0);
    expect(editor.strokes).toMatchObject([{ tool: "grow", amount: 2 }]);
    expect(editor.escape()).toBe(true);
    expect(editor.selection).toBeNull();
  });
});

describe("brushes", () => {
  it("give a pixel no more than the stroke's opacity, however often they pass", () => {
    editor.set({ opacity: 0.5 });
    drag([50, 50], [100, 50], [50, 50], [100, 50]);
    expect(at(75, 50)).toBe(128);
    drag([75, 50]);
    expect(at(75, 50)).toBe(192);
  });

  it("paint a thinner line the less a pen is pressed", () => {
    const pen = (x: number, pressure: number) => ({ id: 1, kind: "pen", at: { x: x + 16, y: 66 }, pressure });
    editor.pointerDown(pen(40, 0.1), false);
    editor.pointerMove(pen(160, 1));
    editor.pointerUp(1);
    const breadth = (x: number) =>
      Array.from({ length: SIDE }, (_, y) => at(x, y)).filter((value) => value > 127).length;
    expect(breadth(45)).toBeLessThan(breadth(155) / 1.8);
    for (let x = 40; x < 160; x++) expect(breadth(x)).toBeGreaterThan(5); // no gap
  });

  it("the one that stops at edges leaves a step that undoes", async () => {
    editor.set({ tool: "edge" });
    drag([50, 50], [100, 50]);
    expect(at(75, 50)).toBe(255);
    await editor.undo();
    expect(untouched()).toBe(true);
  });
});

describe("a region", () => {
  it("changes nothing where its job changed nothing, whatever its resolution", () => {
    const plane = createPlane(300, 260);
    for (let i = 0; i < plane.data.length; i++) plane.data[i] = (i * 7919) % 256;
    const before = plane.data.slice();
    const photo = new PixelPhoto(300, 260, new Uint8ClampedArray(4 * 300 * 260));
    const region = readRegion(photo, plane, { left: 20, top: 30, right: 290, bottom: 250 }, 64)!;
    expect(Math.max(region.width, region.height)).toBe(64);
    expect(writeRegion(plane, region, region.alpha).size).toBe(0);
    const after = region.alpha.slice();
    after[10 * region.width + 10] = after[10 * region.width + 10] < 128 ? 255 : 0;
    const tiles = writeRegion(plane, region, after);
    expect(tiles.size).toBe(1);
    const changed = plane.data.reduce((sum, value, i) => sum + (value === before[i] ? 0 : 1), 0);
    expect(changed).toBeGreaterThan(4);
    expect(changed).toBeLessThan(130); // the pixels around one of the small picture
  });
});

describe("the worker", () => {
  it("gets jobs, and its answers and errors find back", async () => {
    const worker = { postMessage: vi.fn(), terminate: vi.fn() } as unknown as Worker;
    const solver = new WorkerSolver(() => worker);
    const plane = createPlane(2, 2);
    const [first, second] = [0, 1].map(() => solver.solve({ kind: "refine", how: "grow", radius: 1, plane }));
    worker.onmessage!({ data: { id: 2, error: "No." } } as MessageEvent);
    worker.onmessage!({ data: { id: 1, alpha: plane.data } } as MessageEvent);
    await expect(first).resolves.toBe(plane.data);
    await expect(second).rejects.toThrow("No.");
  });

  it("that ends leaves nobody waiting", async () => {
    const worker = { postMessage: vi.fn(), terminate: vi.fn() } as unknown as Worker;
    const solver = new WorkerSolver(() => worker);
    const waiting = solver.solve({ kind: "refine", how: "grow", radius: 1, plane: createPlane(2, 2) });
    solver.destroy();
    await expect(waiting).rejects.toThrow();
    expect(worker.terminate).toHaveBeenCalled();
  });
});
