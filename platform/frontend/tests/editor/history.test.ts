import { describe, expect, it } from "vitest";
import { History } from "../../src/editor/history";
import { createPlane, type Plane } from "../../src/editor/kernels";
import { Stroke } from "../../src/editor/stroke";
import { readTile, TILE, tileRect, tilesIn, writeTile } from "../../src/editor/tiles";

function paint(plane: Plane, history: History<string>, x: number, y: number, note: string): void {
  const stroke = new Stroke(plane, "brush", 20);
  stroke.extend({ x, y });
  const delta = stroke.finish();
  if (delta) history.commit({ tiles: delta.tiles, note });
}

const bytes = (plane: Plane) => [...plane.data];

describe("tiles", () => {
  it("cover a plane whose sides are no multiple of a tile", () => {
    const plane = createPlane(TILE + 5, 7);
    expect(tilesIn(plane, { left: -10, top: -10, right: 999, bottom: 999 })).toEqual([0, 1]);
    expect(tileRect(plane, 1)).toEqual({ left: TILE, top: 0, right: TILE + 5, bottom: 7 });
  });

  it("read and write the same bytes", () => {
    const plane = createPlane(TILE + 5, TILE + 3);
    plane.data.forEach((_, i) => (plane.data[i] = i % 251));
    const before = bytes(plane);
    const tile = readTile(plane, 3);
    writeTile(plane, 3, new Uint8ClampedArray(tile.length));
    expect(bytes(plane)).not.toEqual(before);
    writeTile(plane, 3, tile);
    expect(bytes(plane)).toEqual(before);
  });
});

describe("history", () => {
  it("goes back and forth byte for byte", () => {
    const plane = createPlane(300, 200);
    const history = new History<string>(plane);
    const states = [bytes(plane)];
    for (const [x, y] of [
      [20, 20],
      [128, 128],
      [290, 190],
    ]) {
      paint(plane, history, x, y, `${x}`);
      states.push(bytes(plane));
    }
    for (const state of [2, 1, 0]) {
      history.undo();
      expect(bytes(plane)).toEqual(states[state]);
    }
    expect(history.canUndo).toBe(false);
    expect(history.undo()).toBeNull();
    for (const state of [1, 2, 3]) {
      history.redo();
      expect(bytes(plane)).toEqual(states[state]);
    }
    expect(history.canRedo).toBe(false);
  });

  it("forgets what was undone once something new is painted", () => {
    const plane = createPlane(64, 64);
    const history = new History<string>(plane);
    paint(plane, history, 10, 10, "a");
    history.undo();
    paint(plane, history, 40, 40, "b");
    expect(history.canRedo).toBe(false);
    expect(history.notes).toEqual(["b"]);
  });

  it("answers the part that changed", () => {
    const plane = createPlane(400, 100);
    const history = new History<string>(plane);
    paint(plane, history, 300, 50, "a");
    expect(history.undo()).toEqual({ left: 256, top: 0, right: 384, bottom: 100 });
  });

  it("knows whether the plane differs from what was saved", () => {
    const plane = createPlane(64, 64);
    const history = new History<string>(plane);
    expect(history.changed).toBe(false);
    paint(plane, history, 10, 10, "a");
    expect(history.changed).toBe(true);
    history.markSaved();
    expect(history.changed).toBe(false);
    history.undo();
    expect(history.changed).toBe(true);
    history.redo();
    expect(history.changed).toBe(false);
  });

  it("drops the oldest changes past its limit but keeps their notes, and stays changed", () => {
    const plane = createPlane(64, 64);
    const history = new History<string>(plane, 64 * 64 * 2);
    for (const [i, note] of ["a", "b", "c"].entries()) paint(plane, history, 10 + 20 * i, 10, note);
    expect(history.notes).toEqual(["a", "b", "c"]);
    history.undo();
    history.undo();
    expect(history.canUndo).toBe(false);
    expect(history.notes).toEqual(["a"]);
    expect(history.changed).toBe(true);
  });
});
