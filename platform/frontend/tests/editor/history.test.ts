import { describe, expect, it } from "vitest";
import { apply, History, type Keeper, type Step } from "../../src/editor/history";
import { lineRect, stampDisc } from "../../src/editor/tools/brush";
import { createPlane, type Plane } from "../../src/editor/tools/kernels";
import { pack, unpack } from "../../src/editor/packing";
import { Stroke } from "../../src/editor/stroke";
import { readTile, TILE, tileRect, tilesIn, writeTile } from "../../src/editor/view/tiles";

function paint(plane: Plane, history: History<string>, x: number, y: number, note: string): void {
  const stroke = new Stroke(plane, 255);
  const at = { x, y };
  stroke.cover(lineRect(at, at, 10), (coverage, area) => stampDisc(coverage, area, at, 10, 0.8));
  const tiles = stroke.finish();
  if (tiles) history.commit({ tiles, note });
}

/** Keeps copies, as a database does. */
class Shelf implements Keeper<string> {
  steps: Step<string>[] = [];
  done = 0;
  reads = 0;
  write(steps: readonly Step<string>[], from: number, done: number): void {
    this.steps = [...this.steps.slice(0, from), ...steps.slice(from).map((step) => ({ ...step }))];
    this.done = done;
  }
  holds(at: number): boolean {
    return at < this.steps.length;
  }
  async read(at: number): Promise<Map<number, Uint8Array>> {
    this.reads++;
    return this.steps[at].tiles!;
  }
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

  it("forgets the oldest changes past its limit when nobody keeps them, but not their notes, and stays changed", () => {
    const plane = createPlane(64, 64);
    const history = new History<string>(plane, { mostBytes: 1 });
    for (const [i, note] of ["a", "b", "c"].entries()) paint(plane, history, 10 + 20 * i, 10, note);
    expect(history.notes).toEqual(["a", "b", "c"]);
    history.undo();
    expect(history.canUndo).toBe(false);
    expect(history.notes).toEqual(["a", "b"]);
    expect(history.changed).toBe(true);
  });

  it("leaves to its keeper what memory can't take, and undoes it all the same", async () => {
    const plane = createPlane(300, 300);
    const keeper = new Shelf();
    const history = new History<string>(plane, { keeper, maxBytes: 1 });
    const states = [bytes(plane)];
    for (let i = 0; i < 6; i++) {
      paint(plane, history, 20 + 40 * i, 150, `${i}`);
      states.push(bytes(plane));
    }
    expect(history.ready("undo")).toBe(true);
    for (let state = 5; state >= 0; state--) {
      if (!history.ready("undo")) await history.recall("undo");
      history.undo();
      expect(bytes(plane)).toEqual(states[state]);
    }
    expect(history.canUndo).toBe(false);
    for (let state = 1; state <= 6; state++) {
      if (!history.ready("redo")) await history.recall("redo");
      history.redo();
      expect(bytes(plane)).toEqual(states[state]);
    }
    expect(keeper.reads).toBeGreaterThan(3);
  });

  it("goes on from what a keeper brings back", () => {
    const plane = createPlane(300, 200);
    const keeper = new Shelf();
    const history = new History<string>(plane, { keeper });
    for (const x of [20, 120, 220]) paint(plane, history, x, 100, `${x}`);
    history.undo();
    const before = bytes(plane);

    const again = createPlane(300, 200);
    for (const step of keeper.steps.slice(0, keeper.done)) apply(again, step.tiles!);
    expect(bytes(again)).toEqual(before);
    const back = new History<string>(again, { steps: keeper.steps, done: keeper.done });
    expect(back.notes).toEqual(["20", "120"]);
    expect(back.changed).toBe(true);
    back.redo();
    expect(back.canRedo).toBe(false);
    for (let i = 0; i < 3; i++) back.undo();
    expect(bytes(again)).toEqual(bytes(createPlane(300, 200)));
    expect(back.changed).toBe(false);
  });
});

describe("packing", () => {
  it("is exact, whatever the bytes", () => {
    let seed = 7;
    const random = (below: number) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % below;
    for (let round = 0; round < 300; round++) {
      const data = new Uint8Array(random(2000));
      for (let at = 0; at < data.length;) {
        const end = at + 1 + random(random(4) ? 5 : 400);
        data.fill(random(3) ? 255 * random(2) : random(256), at, end);
        at = end;
      }
      expect(Buffer.from(unpack(pack(data), data.length)).equals(Buffer.from(data))).toBe(true);
    }
  });

  it("makes a tile of one value a few bytes", () => {
    expect(pack(new Uint8Array(TILE * TILE)).length).toBeLessThan(5);
  });

  it("refuses what it did not write", () => {
    const packed = pack(new Uint8Array([1, 2, 3, 9, 9, 9, 9, 9, 9]));
    expect(() => unpack(packed, 8)).toThrow(RangeError);
    expect(() => unpack(packed, 10)).toThrow(RangeError);
    expect(() => unpack(new Uint8Array(40).fill(255), 10)).toThrow(RangeError);
  });
});
