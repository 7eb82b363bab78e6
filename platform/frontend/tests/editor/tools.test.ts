import { beforeEach, describe, expect, it } from "vitest";
import { Gestures, PALM, type Contact } from "../../src/editor/view/gestures";
import { History } from "../../src/editor/history";
import { createPlane, type Plane, type Rect } from "../../src/editor/tools/kernels";
import { BrushTool } from "../../src/editor/tools/painting";
import { PixelPhoto } from "../../src/editor/photo";
import { changed, DEFAULTS, type Settings } from "../../src/editor/settings";
import type { StrokeNote } from "../../src/editor/stroke";
import { PanTool, PinchTool } from "../../src/editor/tools/tools";

class Target {
  plane: Plane = createPlane(200, 100, 0);
  history = new History<StrokeNote>(this.plane);
  photo = new PixelPhoto(200, 100, new Uint8ClampedArray(200 * 100 * 4));
  settings: Settings = DEFAULTS;
  diameter = 10;
  smallest = 0.1;
  view = { scale: 1, x: 0, y: 0 };
  rects: Rect[] = [];
  painted(rect: Rect): void {
    this.rects.push(rect);
  }
  at(x: number, y: number): number {
    return this.plane.data[y * this.plane.width + x];
  }
}

let target: Target;
beforeEach(() => (target = new Target()));

describe("paint tool", () => {
  it("paints while it moves and commits one change when completed", () => {
    const tool = new BrushTool(target);
    tool.begin({ x: 20, y: 20 });
    expect(tool.active).toBe(true);
    expect(target.at(20, 20)).toBe(255);
    tool.move({ x: 60, y: 20 });
    expect(target.at(40, 20)).toBe(255);
    tool.complete();
    expect(tool.active).toBe(false);
    expect(target.history.notes).toMatchObject([
      {
        tool: "brush",
        size: 10,
        points: [
          [20, 20],
          [60, 20],
        ],
      },
    ]);
  });

  it("leaves no trace when cancelled", () => {
    target.plane.data.fill(90);
    const tool = new BrushTool(target);
    tool.begin({ x: 20, y: 20 });
    tool.move({ x: 150, y: 80 });
    tool.cancel();
    expect(target.plane.data.every((value) => value === 90)).toBe(true);
    expect(target.history.canUndo).toBe(false);
  });

  it("erases with the eraser", () => {
    target.plane.data.fill(255);
    target.settings = changed(DEFAULTS, { tool: "eraser" });
    const tool = new BrushTool(target);
    tool.begin({ x: 20, y: 20 });
    tool.complete();
    expect(target.at(20, 20)).toBe(0);
    expect(target.at(60, 60)).toBe(255);
  });

  it("does not commit a stroke that changed nothing", () => {
    target.plane.data.fill(255);
    const tool = new BrushTool(target);
    tool.begin({ x: 20, y: 20 });
    tool.complete();
    expect(target.history.canUndo).toBe(false);
  });

  it("does not darken a soft edge by crossing it twice in one stroke", () => {
    const once = new BrushTool(target);
    once.begin({ x: 20, y: 50 });
    once.move({ x: 80, y: 50 });
    once.complete();
    const first = [...target.plane.data];
    const again = new Target();
    const twice = new BrushTool(again);
    twice.begin({ x: 20, y: 50 });
    twice.move({ x: 80, y: 50 });
    twice.move({ x: 20, y: 50 });
    twice.complete();
    expect([...again.plane.data]).toEqual(first);
  });
});

describe("view tools", () => {
  it("pan, and put the view back when cancelled", () => {
    const tool = new PanTool(target);
    tool.begin({ x: 0, y: 0 });
    tool.move({ x: 12, y: -5 });
    expect(target.view).toEqual({ scale: 1, x: 12, y: -5 });
    tool.cancel();
    expect(target.view).toEqual({ scale: 1, x: 0, y: 0 });
  });

  it("pinch around the fingers", () => {
    const tool = new PinchTool(target);
    tool.begin([
      { x: 90, y: 50 },
      { x: 110, y: 50 },
    ]);
    tool.move([
      { x: 80, y: 50 },
      { x: 120, y: 50 },
    ]);
    tool.complete();
    expect(target.view.scale).toBeCloseTo(2);
    expect(target.view.x + 100 * target.view.scale).toBeCloseTo(100); // what was in the middle stayed there
  });
});

describe("gestures", () => {
  const touch = (id: number, x: number, y: number): Contact => ({ id, kind: "touch", at: { x, y } });
  let gestures: Gestures;
  beforeEach(() => {
    const brush = new BrushTool(target);
    gestures = new Gestures({
      paint: () => brush,
      pan: new PanTool(target),
      pinch: new PinchTool(target),
      toPhoto: (point) => point,
    });
  });

  it("one finger paints", () => {
    gestures.down(touch(1, 20, 20), false);
    gestures.move(touch(1, 40, 20));
    gestures.up(1);
    expect(target.history.notes).toHaveLength(1);
  });

  it("a second finger takes back what the first painted, and zooms", () => {
    gestures.down(touch(1, 20, 20), false);
    gestures.down(touch(2, 60, 20), false);
    expect(target.plane.data.every((value) => value === 0)).toBe(true);
    gestures.move(touch(2, 100, 20));
    expect(target.view.scale).toBeCloseTo(2);
  });

  it("after a pinch the finger that stays does not paint", () => {
    gestures.down(touch(1, 20, 20), false);
    gestures.down(touch(2, 60, 20), false);
    gestures.up(2);
    gestures.move(touch(1, 50, 50));
    gestures.up(1);
    expect(target.plane.data.every((value) => value === 0)).toBe(true);
    gestures.down(touch(3, 20, 20), false);
    gestures.up(3);
    expect(target.history.notes).toHaveLength(1);
  });

  it("a resting palm is ignored while the pen paints", () => {
    gestures.down({ id: 1, kind: "pen", at: { x: 20, y: 20 } }, false);
    gestures.down(touch(2, 90, 90), false);
    gestures.move({ id: 1, kind: "pen", at: { x: 40, y: 20 } });
    gestures.up(1);
    expect(target.history.notes).toHaveLength(1);
  });

  it("once a pen was seen, a finger moves the photo and paints nothing", () => {
    gestures.down({ id: 1, kind: "pen", at: { x: 20, y: 20 } }, false);
    gestures.up(1);
    gestures.down(touch(2, 20, 20), false);
    gestures.move(touch(2, 50, 30));
    gestures.up(2);
    expect(target.history.notes).toHaveLength(1);
    expect(target.view).toMatchObject({ x: 30, y: 10 });
  });

  it("a pen that only hovers counts as seen", () => {
    gestures.move({ id: 1, kind: "pen", at: { x: 20, y: 20 } });
    gestures.down(touch(2, 20, 20), false);
    gestures.up(2);
    expect(target.history.notes).toHaveLength(0);
  });

  it("what a hand began before its pen came down is taken back", () => {
    gestures.down(touch(1, 90, 90), false);
    gestures.move(touch(1, 120, 90));
    gestures.down({ id: 2, kind: "pen", at: { x: 20, y: 20 } }, false);
    gestures.up(2);
    gestures.up(1);
    expect(target.history.notes).toHaveLength(1);
    expect(target.at(110, 90)).toBe(0);
    expect(target.at(20, 20)).toBe(255);
  });

  it("what is as broad as a palm never paints, and takes back what it began when it spreads", () => {
    gestures.down({ ...touch(1, 20, 20), breadth: PALM }, false);
    gestures.up(1);
    gestures.down({ ...touch(2, 20, 20), breadth: 20 }, false);
    gestures.move({ ...touch(2, 40, 20), breadth: PALM + 10 });
    gestures.up(2);
    expect(target.history.notes).toHaveLength(0);
    expect(target.plane.data.every((value) => value === 0)).toBe(true);
  });

  it("a pointer the browser takes away leaves no trace", () => {
    gestures.down(touch(1, 20, 20), false);
    gestures.cancel(1);
    expect(target.plane.data.every((value) => value === 0)).toBe(true);
    expect(gestures.active).toBe(false);
  });
});
