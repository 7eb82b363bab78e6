import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { beforeEach, expect, it } from "vitest";
import type { Photo } from "../../src/api/types";
import { discardDraft, forgetDraft, KEPT_FOR, listDiscarded, restoreDraft } from "../../src/drafts/bin";
import { closeDatabase, database } from "../../src/drafts/database";
import { beginDraft, listDrafts, resumeDraft, storedDraft } from "../../src/drafts/draft";
import { History } from "../../src/editor/history";
import { createPlane, type Plane } from "../../src/editor/tools/kernels";
import { samePlane } from "../../src/editor/merge";
import { encodePng } from "../../src/editor/png";
import type { StrokeNote } from "../../src/editor/stroke";
import { readTile, writeTile } from "../../src/editor/view/tiles";

const photo = { id: "p", name: "cat.jpg", prediction: { id: "q" }, correction: null } as unknown as Photo;
const SIZE = 300;

beforeEach(async () => {
  await closeDatabase();
  globalThis.indexedDB = new IDBFactory();
});

/** A draft with strokes of these values; answers what it shows. */
async function paint(...values: number[]): Promise<Plane> {
  const mask = await (await encodePng(createPlane(SIZE, SIZE))).arrayBuffer();
  const draft = await beginDraft(photo, { mask, strokes: [], seconds: 0 });
  const history = new History<StrokeNote>(createPlane(SIZE, SIZE), { keeper: draft });
  for (const value of values) {
    const before = readTile(history.plane, 0);
    writeTile(history.plane, 0, new Uint8ClampedArray(before.length).fill(value));
    history.commit({ tiles: new Map([[0, before]]), note: { tool: "brush", at: `${value}` } });
  }
  await draft.settled();
  return history.plane;
}

it("a discarded draft comes back with every stroke, and only once", async () => {
  const painted = await paint(10, 200);
  expect(await discardDraft("p")).toBe(true);
  expect(await storedDraft("p")).toBeNull();
  expect(await listDrafts()).toEqual([]);
  expect(await listDiscarded()).toEqual(["p"]);
  expect(await restoreDraft("p")).toBe(true);
  const plane = createPlane(SIZE, SIZE);
  const { done } = await resumeDraft((await storedDraft("p"))!, plane);
  expect(done).toBe(2);
  expect(samePlane(plane, painted)).toBe(true);
  expect(await restoreDraft("p")).toBe(false);
  expect(await listDiscarded()).toEqual([]);
});

it("after a day it is gone", async () => {
  await paint(10);
  await discardDraft("p", 0);
  expect(await listDiscarded(KEPT_FOR - 1)).toEqual(["p"]);
  expect(await restoreDraft("p", KEPT_FOR)).toBe(false);
  expect(await listDiscarded(KEPT_FOR)).toEqual([]);
  expect(await (await database()).count("discarded")).toBe(0);
});

it("never overwrites a draft that was begun since", async () => {
  await paint(10);
  await discardDraft("p");
  const newer = await paint(77);
  expect(await restoreDraft("p")).toBe(false);
  const plane = createPlane(SIZE, SIZE);
  await resumeDraft((await storedDraft("p"))!, plane);
  expect(samePlane(plane, newer)).toBe(true);
});

it("keeps what was discarded before where there is nothing to discard", async () => {
  await paint(10);
  await discardDraft("p");
  expect(await discardDraft("p")).toBe(false);
  expect(await listDiscarded()).toEqual(["p"]);
});

it("what is deleted for good leaves nothing, not in the bin either", async () => {
  await paint(10);
  await discardDraft("p");
  await paint(20);
  await forgetDraft("p");
  const db = await database();
  for (const store of ["drafts", "bases", "steps", "sending", "discarded"] as const)
    expect(await db.count(store)).toBe(0);
});
