import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../../src/api/client";
import type { Photo } from "../../src/api/types";
import { createUploadQueue, type UploadQueueOptions } from "../../src/maker/uploadQueue";

interface Call {
  id: string;
  name: string;
  progress: (share: number) => void;
  signal: AbortSignal;
  resolve: (photo: Photo) => void;
  reject: (error: unknown) => void;
}

let calls: Call[];
let finished: string[];
const flush = () => vi.advanceTimersByTimeAsync(0);
const file = (name: string, size = 3) => new File([new Uint8Array(size)], name);

function makeQueue(store?: UploadQueueOptions["store"]) {
  return createUploadQueue({
    ...(store ? { store } : {}),
    send: (id, { name }, progress, signal) =>
      new Promise((resolve, reject) => calls.push({ id, name, progress, signal, resolve, reject })),
    done: (photo) => finished.push(photo.id),
  });
}

beforeEach(() => {
  vi.useFakeTimers();
  calls = [];
  finished = [];
});
afterEach(() => vi.useRealTimers());

describe("upload queue", () => {
  it("sends two at a time, the first chosen first; the others wait", async () => {
    const queue = makeQueue();
    queue.add([file("a"), file("b"), file("c")]);
    expect(calls.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(queue.uploads.map(({ state }) => state)).toEqual(["waiting", "uploading", "uploading"]);
    calls[0].resolve({ id: calls[0].id } as Photo);
    await flush();
    expect(calls.map(({ name }) => name)).toEqual(["a", "b", "c"]);
    expect(finished).toEqual([calls[0].id]);
    expect(queue.uploads).toHaveLength(2);
  });

  it("shows the way up, then that the photo is being cut", () => {
    const queue = makeQueue();
    queue.add([file("a")]);
    calls[0].progress(0.5);
    expect(queue.uploads[0]).toMatchObject({ state: "uploading", progress: 0.5 });
    calls[0].progress(1);
    expect(queue.uploads[0].state).toBe("cutting");
  });

  it("never sends again what the server refuses for the file's own sake", async () => {
    const queue = makeQueue();
    queue.add([file("notes.pdf"), file("empty", 0)]);
    calls[0].reject(new ApiError("unsupported_format", "This is a PDF.", 415));
    await flush();
    expect(queue.uploads.map(({ hopeless }) => hopeless)).toEqual([true, true]);
    for (const { id } of queue.uploads) queue.retry(id);
    expect(calls).toHaveLength(1);
    expect(queue.uploads.map(({ state }) => state)).toEqual(["failed", "failed"]);
  });

  it("keeps a failed photo with its sentence, and sends it again under the same id", async () => {
    const queue = makeQueue();
    queue.add([file("a")]);
    calls[0].reject(new ApiError("server_error", "Something broke.", 500));
    await flush();
    expect(queue.uploads[0]).toMatchObject({ state: "failed", error: "Something broke.", hopeless: false });
    queue.retry(queue.uploads[0].id);
    expect(calls[1].id).toBe(calls[0].id);
    expect(queue.uploads[0]).toMatchObject({ state: "uploading", error: "" });
  });

  it("waits as long as a busy server says, everyone together, and goes on by itself", async () => {
    const queue = makeQueue();
    queue.add([file("a"), file("b"), file("c")]);
    calls[0].reject(new ApiError("busy", "Busy.", 503, 4));
    calls[1].resolve({ id: calls[1].id } as Photo);
    await flush();
    const states = Object.fromEntries(queue.uploads.map(({ file: { name }, state }) => [name, state]));
    expect(states).toEqual({ a: "paused", c: "waiting" });
    expect(queue.uploads.find(({ state }) => state === "paused")!.resumeAt).toBe(Date.now() + 4000);
    await vi.advanceTimersByTimeAsync(3900);
    expect(calls).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(200);
    expect(calls.slice(2).map(({ name }) => name)).toEqual(["a", "c"]);
  });

  it("tries again what failed for want of a connection, and only that", async () => {
    const queue = makeQueue();
    queue.add([file("a"), file("b")]);
    calls[0].reject(new ApiError("unreachable", "No connection.", 0));
    calls[1].reject(new ApiError("not_an_image", "No picture.", 400));
    await flush();
    queue.retryUnreached();
    expect(calls.slice(2).map(({ name }) => name)).toEqual(["a"]);
  });

  it("has what is not with the server kept, and nothing else", async () => {
    const kept = new Set<string>();
    const store = {
      keep: (uploads: { id: string }[]) => uploads.forEach(({ id }) => kept.add(id)),
      forget: (id: string) => kept.delete(id),
    };
    const queue = makeQueue(store);
    const [a, b, c] = queue.add([file("a"), file("b"), file("c"), file("empty", 0)]);
    expect([...kept]).toEqual([a.id, b.id, c.id]);
    calls[0].resolve({ id: a.id } as Photo);
    calls[1].reject(new ApiError("not_an_image", "No picture.", 400));
    await flush();
    expect([...kept]).toEqual([c.id]);
    calls[2].reject(new ApiError("unreachable", "No connection.", 0));
    await flush();
    expect([...kept]).toEqual([c.id]);
    queue.remove(c.id);
    expect(kept.size).toBe(0);
  });

  it("goes on with what an earlier page left, under the ids it had, and once", async () => {
    const queue = makeQueue();
    queue.resume([
      { id: "1", file: file("a") },
      { id: "2", file: file("b") },
    ]);
    queue.resume([{ id: "2", file: file("b") }]);
    expect(calls.map(({ id, name }) => [id, name])).toEqual([
      ["1", "a"],
      ["2", "b"],
    ]);
    expect(queue.unsent()).toBe(2);
  });

  it("does not send what is empty or too large, and says why", () => {
    const queue = makeQueue();
    const large = file("large");
    Object.defineProperty(large, "size", { value: 21 * 1024 * 1024 });
    queue.add([file("empty", 0), large]);
    expect(calls).toEqual([]);
    expect(queue.uploads.map(({ state }) => state)).toEqual(["failed", "failed"]);
    expect(queue.uploads[0].error).toMatch(/20 MB/);
    expect(queue.uploads[1].error).toMatch(/empty/);
  });

  it("stops an upload that is removed, quietly, and lets the next one go", async () => {
    const queue = makeQueue();
    queue.add([file("a"), file("b"), file("c")]);
    queue.remove(calls[0].id);
    expect(calls[0].signal.aborted).toBe(true);
    calls[0].reject(new DOMException("stopped", "AbortError"));
    await flush();
    expect(queue.uploads.map(({ file: { name } }) => name)).toEqual(["c", "b"]);
    expect(calls.map(({ name }) => name)).toEqual(["a", "b", "c"]);
  });
});
