import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

const file = (name: string) => new File([name], name, { type: "image/jpeg" });
const released = new Map<string, () => void>();

/** Locks as the browser has them: one holder at a time, the others wait until it is gone. */
function locks() {
  const held = new Map<string, Promise<void>>();
  return {
    async request(name: string, work: () => Promise<unknown>) {
      const before = held.get(name);
      let release = () => {};
      held.set(name, new Promise((resolve) => (release = resolve)));
      if (!released.has(name)) released.set(name, release);
      await before;
      await work();
      release();
    },
  };
}

/** A tab of its own: the module as another page has it. */
async function tab() {
  vi.resetModules();
  return await import("../../src/drafts/uploads");
}

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
  released.clear();
  vi.stubGlobal("navigator", { locks: locks() });
});
afterEach(() => vi.unstubAllGlobals());

const settle = () => new Promise((resolve) => setTimeout(resolve, 50));

it("what a closed tab had not sent goes on in the next one, in its order and under its ids", async () => {
  const first = await tab();
  expect(await first.keepUploads(["1", "2", "3"].map((id) => ({ id, file: file(id) })))).toBe(true);
  await first.forgetUpload("2");
  const next = await tab();
  const taken: string[] = [];
  const adopting = next.adoptUploads((rows) => rows.forEach(({ id, file: { name } }) => taken.push(`${id} ${name}`)));
  await settle();
  expect(taken).toEqual([]); // the first tab still lives, and sends them itself
  for (const release of released.values()) release();
  await adopting;
  expect(taken).toEqual(["1 1", "3 3"]);
  const third = await tab();
  const twice: unknown[] = [];
  void third.adoptUploads((rows) => twice.push(...rows));
  await settle();
  expect(twice).toEqual([]); // they are the second tab's now
});

it("without a database nothing is kept, and nothing fails", async () => {
  vi.stubGlobal("indexedDB", undefined);
  const alone = await tab();
  expect(await alone.keepUploads([{ id: "1", file: file("a") }])).toBe(false);
  await alone.forgetUpload("1");
});
