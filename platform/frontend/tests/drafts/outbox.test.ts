import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../../src/api/client";
import type { Submission } from "../../src/api/corrections";
import type { Correction, Photo, Session } from "../../src/api/types";
import { closeDatabase, database } from "../../src/drafts/database";
import { beginDraft, storedDraft, type Draft } from "../../src/drafts/draft";
import { listSending, sendWaiting, submitFix, withdraw, type Fix } from "../../src/drafts/outbox";
import { changesOf } from "../../src/editor/changes";
import { History } from "../../src/editor/history";
import { createPlane } from "../../src/editor/tools/kernels";
import { decodePng, encodePng } from "../../src/editor/png";
import { Snapshot } from "../../src/editor/view/snapshot";
import type { StrokeNote } from "../../src/editor/stroke";
import { readTile } from "../../src/editor/view/tiles";

const away = () => new ApiError("unreachable", "No connection.", 0);
const stale = () => new ApiError("stale_correction", "It changed.", 412);
const photo = (correction: Partial<Correction> | null): Photo =>
  ({ id: "p", name: "cat.jpg", prediction: { id: "q" }, correction }) as unknown as Photo;
const png = async (value: number) => (await encodePng(createPlane(9, 9, value))).arrayBuffer();

async function fixOf(value: number, more: Partial<Fix> = {}): Promise<Fix> {
  const about = { photo: "p", name: "cat.jpg", correction: "c", version: null, prediction: "q" };
  return { ...about, mask: await png(value), strokes: [], seconds: 1, consent: null, revision: 1, ...more };
}

/** What a mask of one value changes of an empty one. */
async function changedFix(value: number, more: Partial<Fix> = {}): Promise<Fix> {
  const changes = await changesOf(createPlane(9, 9, value), new Snapshot(createPlane(9, 9)));
  return fixOf(0, { changes: changes!, subject: "all", ...more });
}

/** Answers in turn, and remembers what it was sent. */
function server(...answers: (number | Error)[]) {
  const submitCorrection = vi.fn(async ({ id }: Submission) => {
    const answer = answers.shift()!;
    if (answer instanceof Error) throw answer;
    return { id, version: answer, mask_url: "/mask" } as Correction;
  });
  return {
    submitCorrection,
    readPhoto: vi.fn(async () => photo(null)),
    readMaskBytes: vi.fn(async () => png(0)),
    giveConsent: vi.fn(async () => ({}) as Session),
    giveConsentTo: vi.fn(async () => ({}) as Session),
    readSession: vi.fn(async () => ({}) as Session),
  };
}

async function painted(): Promise<Draft> {
  const draft = await beginDraft(photo(null), { mask: await png(0), strokes: [], seconds: 0 });
  const history = new History<StrokeNote>(createPlane(9, 9), { keeper: draft });
  const before = readTile(history.plane, 0);
  history.plane.data.fill(255);
  history.commit({ tiles: new Map([[0, before]]), note: { tool: "brush", at: "" } });
  await draft.settled();
  return draft;
}

beforeEach(async () => {
  await closeDatabase();
  globalThis.indexedDB = new IDBFactory();
});

describe("a fix on its way", () => {
  it("is gone from here, with its draft, once the server has it", async () => {
    await painted();
    const outcome = await submitFix(await fixOf(255), server(1));
    expect(outcome).toMatchObject({ kind: "saved", correction: { version: 1 } });
    expect(await listSending()).toEqual([]);
    expect(await storedDraft("p")).toBeNull();
  });

  it("waits without a connection, outlives the page, and is sent under the same id", async () => {
    await painted();
    const first = await submitFix(await fixOf(255), server(away()));
    expect(first).toMatchObject({ kind: "waiting", kept: true });
    await closeDatabase();
    expect(await storedDraft("p")).not.toBeNull();
    const later = server(1);
    const [sent] = await sendWaiting(later);
    expect(sent.outcome.kind).toBe("saved");
    expect(later.submitCorrection.mock.calls[0][0]).toMatchObject({ id: "c", version: null, photo: "p" });
    expect(await listSending()).toEqual([]);
    expect(await storedDraft("p")).toBeNull();
  });

  it.each([429, 500, 503])("waits as well when the server answers %i", async (status) => {
    const outcome = await submitFix(await fixOf(255), server(new ApiError("busy", "Busy.", status)));
    expect(outcome.kind).toBe("waiting");
    expect(await listSending()).toMatchObject([{ state: "waiting" }]);
  });

  it("stops when it is refused, and says why; the draft stays", async () => {
    await painted();
    const gone = new ApiError("photo_deleted", "This photo was deleted.", 410);
    expect(await submitFix(await fixOf(255), server(gone))).toMatchObject({ kind: "refused", error: gone });
    expect(await listSending()).toMatchObject([{ state: "refused", error: "This photo was deleted." }]);
    const never = server();
    expect(await sendWaiting(never)).toEqual([]);
    expect(never.submitCorrection).not.toHaveBeenCalled();
    expect(await storedDraft("p")).not.toBeNull();
    await withdraw("p");
    expect(await listSending()).toEqual([]);
  });

  it("takes an answer about learning along", async () => {
    const there = server(1);
    await submitFix(await fixOf(255, { consent: true }), there);
    expect(there.giveConsent).toHaveBeenCalledWith(true);
    expect(there.giveConsent.mock.invocationCallOrder[0]).toBeLessThan(
      there.submitCorrection.mock.invocationCallOrder[0],
    );
  });

  it("fetches a fresh cookie when the old one is out of date", async () => {
    const there = server(new ApiError("csrf", "Reload.", 403), 1);
    expect((await submitFix(await fixOf(255), there)).kind).toBe("saved");
    expect(there.readSession).toHaveBeenCalledOnce();
  });

  it("lets the draft be when it was painted on meanwhile, and rests it on what was saved", async () => {
    const draft = await painted();
    const fix = await fixOf(255, { revision: draft.row.revision - 1 });
    await submitFix(fix, server(3));
    const stored = await storedDraft("p");
    expect(stored!.row).toMatchObject({ version: 3, served: "c 3" });
  });

  it("is sent even where nothing can be kept, and says that it does not wait here", async () => {
    await closeDatabase();
    vi.spyOn(indexedDB, "open").mockImplementation(() => {
      throw new DOMException("not here", "SecurityError");
    });
    expect(await submitFix(await fixOf(255), server(away()))).toMatchObject({ kind: "waiting", kept: false });
    expect((await submitFix(await fixOf(255), server(1))).kind).toBe("saved");
    vi.restoreAllMocks();
  });
});

describe("changes of a mask", () => {
  it("go in place of the whole", async () => {
    const there = server(1);
    const fix = await changedFix(200);
    expect((await submitFix(fix, there)).kind).toBe("saved");
    expect(there.submitCorrection.mock.calls[0][0].mask).toEqual({ ...fix.changes, subject: "all" });
  });

  it("are followed by the whole mask where the server has another to change", async () => {
    const there = server(new ApiError("other_base", "", 409), 1);
    expect((await submitFix(await changedFix(200), there)).kind).toBe("saved");
    const { mask } = there.submitCorrection.mock.calls[1][0];
    expect(mask).toBeInstanceOf(Blob);
    expect((await decodePng(await (mask as Blob).arrayBuffer())).data).toEqual(createPlane(9, 9, 200).data);
  });

  it("are known again by their digest when an answer was lost", async () => {
    await submitFix(await changedFix(100), server(away())); // it arrived all the same
    const there = server(new ApiError("correction_exists", "", 409), 2);
    there.readPhoto.mockResolvedValue(photo({ id: "c", version: 1, mask_url: "/mask" }));
    there.readMaskBytes.mockImplementation(() => png(100));
    expect((await submitFix(await changedFix(200), there)).kind).toBe("saved");
  });
});

describe("a version that differs", () => {
  it("is our own when an earlier answer was lost: it goes on from there", async () => {
    await submitFix(await fixOf(100), server(away())); // it arrived all the same
    const there = server(new ApiError("correction_exists", "", 409), 2);
    there.readPhoto.mockResolvedValue(photo({ id: "c", version: 1, mask_url: "/mask" }));
    there.readMaskBytes.mockImplementation(() => png(100));
    expect(await submitFix(await fixOf(200), there)).toMatchObject({ kind: "saved", correction: { version: 2 } });
    expect(there.submitCorrection.mock.calls[1][0]).toMatchObject({ id: "c", version: 1 });
  });

  it("is a conflict when it is someone else's: nothing is overwritten, nothing is lost", async () => {
    await painted();
    const latest = photo({ id: "c", version: 7, mask_url: "/mask" });
    const there = server(stale());
    there.readPhoto.mockResolvedValue(latest);
    const outcome = await submitFix(await fixOf(200, { version: 5 }), there);
    expect(outcome).toMatchObject({ kind: "conflict", latest });
    expect(there.submitCorrection).toHaveBeenCalledOnce();
    expect(await listSending()).toMatchObject([{ state: "conflict" }]);
    expect(await storedDraft("p")).not.toBeNull();
  });

  it("waits when the connection goes while it is looked into", async () => {
    const there = server(stale());
    there.readPhoto.mockRejectedValue(away());
    expect((await submitFix(await fixOf(200, { version: 5 }), there)).kind).toBe("waiting");
    expect(await (await database()).count("sending")).toBe(1);
  });
});
