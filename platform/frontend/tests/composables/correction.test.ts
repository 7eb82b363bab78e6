import { describe, expect, it, vi } from "vitest";
import { ApiError } from "../../src/api/client";
import type { Submission } from "../../src/api/corrections";
import type { Correction, Photo } from "../../src/api/types";
import { Conflict, createCorrection } from "../../src/composables/useCorrection";

const work = { mask: new Blob(), strokes: [], seconds: 1 };
const correction = (id: string, version: number): Correction => ({
  id,
  version,
  mask_url: "",
  state: "private",
  reason: "",
  created_at: "",
});
const photo = (known: Correction | null): Photo =>
  ({ id: "p", prediction: { id: "q" }, correction: known }) as unknown as Photo;

function server(...answers: (Correction | ApiError)[]) {
  const send = vi.fn(async (submission: Submission) => {
    const answer = answers.shift()!;
    if (answer instanceof Error) throw answer;
    return { ...answer, id: submission.id };
  });
  return send;
}

describe("saving a fix", () => {
  it("makes a new correction under an id of its own, then edits it", async () => {
    const send = server(correction("", 1), correction("", 2));
    const { save } = createCorrection(photo(null), send);
    await save(work);
    await save(work);
    const [first, second] = send.mock.calls.map(([submission]) => submission);
    expect(first).toMatchObject({ photo: "p", prediction: "q", version: null });
    expect(second).toMatchObject({ id: first.id, version: 1 });
  });

  it("edits the correction the photo already has", async () => {
    const send = server(correction("", 6));
    await createCorrection(photo(correction("c", 5)), send).save(work);
    expect(send.mock.calls[0][0]).toMatchObject({ id: "c", version: 5 });
  });

  it("goes on when its own first save had arrived although the answer was lost", async () => {
    const send = server(
      new ApiError("unreachable", "", 0),
      new ApiError("correction_exists", "", 409),
      correction("", 2),
    );
    const { save } = createCorrection(photo(null), send, async () => photo(correction(send.mock.calls[0][0].id, 1)));
    await expect(save(work)).rejects.toMatchObject({ code: "unreachable" });
    expect((await save(work)).version).toBe(2);
    expect(send.mock.calls[2][0].version).toBe(1);
  });

  it("raises a conflict rather than losing someone else's version, and overwrites when told to", async () => {
    const send = server(new ApiError("stale_correction", "", 412), correction("", 8));
    const latest = photo(correction("c", 7));
    const fix = createCorrection(photo(correction("c", 5)), send, async () => latest);
    const conflict = await fix.save(work).catch((error: unknown) => error);
    expect(conflict).toBeInstanceOf(Conflict);
    fix.overwrite((conflict as Conflict).latest);
    await fix.save(work);
    expect(send.mock.calls[1][0]).toMatchObject({ id: "c", version: 7 });
  });

  it("passes every other error on", async () => {
    const { save } = createCorrection(photo(null), server(new ApiError("empty_mask", "Paint something.", 400)));
    await expect(save(work)).rejects.toMatchObject({ code: "empty_mask" });
  });
});
