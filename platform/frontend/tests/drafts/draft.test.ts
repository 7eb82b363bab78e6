import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Photo } from "../../src/api/types";
import { closeDatabase, database, servedOf } from "../../src/drafts/database";
import { discardDraft } from "../../src/drafts/bin";
import { beginDraft, listDrafts, resumeDraft, storedDraft, type Draft } from "../../src/drafts/draft";
import { History } from "../../src/editor/history";
import { createPlane, type Plane } from "../../src/editor/tools/kernels";
import { changedTiles, samePlane, union } from "../../src/editor/merge";
import { encodePng } from "../../src/editor/png";
import type { StrokeNote } from "../../src/editor/stroke";
import { readTile, tileRect, writeTile } from "../../src/editor/view/tiles";

const photo = { id: "p", name: "cat.jpg", prediction: { id: "q" }, correction: null } as unknown as Photo;
const SIZE = 300;

let history: History<StrokeNote>;
let draft: Draft;
let base: { mask: ArrayBuffer; strokes: StrokeNote[]; seconds: number };

beforeEach(async () => {
  await closeDatabase();
  globalThis.indexedDB = new IDBFactory();
  base = { mask: await (await encodePng(createPlane(SIZE, SIZE))).arrayBuffer(), strokes: [], seconds: 0 };
  draft = await beginDraft(photo, base);
  history = new History<StrokeNote>(createPlane(SIZE, SIZE), { keeper: draft });
});
afterEach(() => vi.restoreAllMocks());

/** A stroke that fills a tile with one value. */
function stroke(value: number, index = 0, on = history): void {
  const before = readTile(on.plane, index);
  writeTile(on.plane, index, new Uint8ClampedArray(before.length).fill(value));
  on.commit({ tiles: new Map([[index, before]]), note: { tool: "brush", at: `${value}` } });
}

/** The page is gone; another one opens the same photo. */
async function comeBack(): Promise<{ plane: Plane; history: History<StrokeNote>; draft: Draft }> {
  await draft.settled();
  await closeDatabase();
  const stored = (await storedDraft("p"))!;
  const plane = createPlane(SIZE, SIZE);
  const { draft: again, steps, done } = await resumeDraft(stored, plane);
  return { plane, draft: again, history: new History<StrokeNote>(plane, { keeper: again, steps, done }) };
}

const notes = (of: History<StrokeNote>) => of.notes.map(({ at }) => at);

describe("a draft", () => {
  it("is not there before the first stroke", async () => {
    expect(await storedDraft("p")).toBeNull();
  });

  it("brings every stroke back, and undo and redo with them", async () => {
    for (const value of [10, 20, 30, 40]) stroke(value, value % 3);
    history.undo();
    const back = await comeBack();
    expect(samePlane(back.plane, history.plane)).toBe(true);
    expect(notes(back.history)).toEqual(["10", "20", "30"]);
    back.history.redo();
    expect(notes(back.history)).toEqual(["10", "20", "30", "40"]);
    for (let i = 0; i < 4; i++) expect(back.history.undo()).not.toBeNull();
    expect(samePlane(back.plane, createPlane(SIZE, SIZE))).toBe(true);
    expect(back.history.canUndo).toBe(false);
  });

  it("forgets what was undone once something new is painted, on the disk too", async () => {
    for (const value of [10, 20, 30]) stroke(value);
    history.undo();
    history.undo();
    stroke(99);
    const back = await comeBack();
    expect(notes(back.history)).toEqual(["10", "99"]);
    expect(back.history.canRedo).toBe(false);
    expect(await (await database()).count("steps")).toBe(2);
  });

  it("goes on after it came back", async () => {
    stroke(10);
    ({ history, draft } = await comeBack());
    stroke(20);
    const back = await comeBack();
    expect(notes(back.history)).toEqual(["10", "20"]);
    expect(samePlane(back.plane, history.plane)).toBe(true);
  });

  it("hands each stroke over before the next one can begin", async () => {
    const db = await database();
    const begin = vi.spyOn(db, "transaction");
    stroke(10);
    expect(begin).toHaveBeenCalledWith(["drafts", "bases", "steps"], "readwrite", { durability: "strict" });
    expect(draft.keeping).toEqual({ writing: true, problem: "" });
    await draft.settled();
    expect(draft.keeping).toEqual({ writing: false, problem: "" });
  });

  it("counts the seconds spent before and after", async () => {
    draft.seconds = () => 12.5;
    stroke(10);
    const back = await comeBack();
    expect(back.draft.row.seconds).toBe(12.5);
  });

  it("undoes what no longer lies in memory", async () => {
    const strokes = 6;
    history = new History<StrokeNote>(createPlane(SIZE, SIZE), { keeper: draft, maxBytes: 1 });
    for (let i = 1; i <= strokes; i++) {
      stroke(i * 10, i % 4);
      await draft.settled();
    }
    for (let i = 0; i < strokes; i++) {
      if (!history.ready("undo")) await history.recall("undo");
      expect(history.undo()).not.toBeNull();
    }
    expect(samePlane(history.plane, createPlane(SIZE, SIZE))).toBe(true);
  });

  it("is gone when it is discarded", async () => {
    stroke(10);
    await draft.settled();
    expect(await listDrafts()).toEqual(["p"]);
    await discardDraft("p");
    expect(await listDrafts()).toEqual([]);
    expect(await storedDraft("p")).toBeNull();
    expect(await (await database()).count("steps")).toBe(0);
  });

  it("writes nothing more once another tab has taken over", async () => {
    stroke(10);
    await draft.settled();
    draft.close();
    stroke(20);
    const back = await comeBack();
    expect(notes(back.history)).toEqual(["10"]);
  });
});

describe("when nothing more can be written", () => {
  function fill(times: number): void {
    const db = draft["db"]!;
    const real = db.transaction.bind(db);
    vi.spyOn(db, "transaction").mockImplementation(((...given: Parameters<typeof real>) => {
      if (times-- > 0) throw new DOMException("full", "QuotaExceededError");
      return real(...given);
    }) as typeof real);
  }

  it("says so, paints on in memory, and writes all that is missing when it can again", async () => {
    stroke(10);
    await draft.settled();
    fill(2);
    stroke(20);
    await draft.settled();
    expect(draft.keeping.problem).toContain("storage is full");
    stroke(30);
    await draft.settled();
    history.undo();
    await draft.settled();
    expect(draft.keeping.problem).toBe("");
    const back = await comeBack();
    expect(notes(back.history)).toEqual(["10", "20"]);
    expect(back.history.canRedo).toBe(true);
    expect(samePlane(back.plane, history.plane)).toBe(true);
  });

  it("paints on where the browser keeps nothing at all", async () => {
    await closeDatabase();
    vi.spyOn(indexedDB, "open").mockImplementation(() => {
      throw new DOMException("not here", "SecurityError");
    });
    draft = await beginDraft(photo, base);
    history = new History<StrokeNote>(createPlane(SIZE, SIZE), { keeper: draft });
    stroke(10);
    history.undo();
    expect(draft.keeping.problem).toContain("only in this tab");
    expect(await storedDraft("p")).toBeNull();
  });
});

describe("two changes of one mask", () => {
  const plain = createPlane(SIZE, SIZE, 100);
  const changed = (index: number, value: number) => {
    const plane = createPlane(SIZE, SIZE, 100);
    const { left, top } = tileRect(plane, index);
    plane.data[top * SIZE + left] = value;
    return plane;
  };

  it("are brought together when they touch different tiles", () => {
    const both = union(plain, changed(0, 1), changed(8, 2))!;
    expect(changedTiles(plain, both)).toEqual(new Set([0, 8]));
    expect(samePlane(union(plain, changed(8, 2), changed(0, 1))!, both)).toBe(true);
  });

  it("can't be when they touch the same one, or differ in size", () => {
    expect(union(plain, changed(4, 1), changed(4, 2))).toBeNull();
    expect(union(plain, changed(0, 1), createPlane(9, 9))).toBeNull();
  });
});

it("a photo's mask on the server has a name that changes with it", () => {
  const edited = { ...photo, correction: { id: "c", version: 2 } } as unknown as Photo;
  expect(new Set([servedOf(photo), servedOf(edited)])).toEqual(new Set(["q", "c 2"]));
});
