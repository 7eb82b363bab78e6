import { reactive } from "vue";
import { ApiError, sayError } from "../api/client";
import type { Photo } from "../api/types";

export type UploadState = "waiting" | "uploading" | "cutting" | "paused" | "failed";

export interface Upload {
  /** Made here: the photo keeps it, so sending again after a lost answer makes no second photo. */
  id: string;
  file: File;
  preview: string;
  state: UploadState;
  /** 0..1 of the bytes sent. */
  progress: number;
  error: string;
  /** The file itself is refused: sending it again would change nothing. */
  hopeless: boolean;
  /** When a paused upload goes on, in milliseconds of `Date.now()`. */
  resumeAt: number;
}

export interface UploadQueueOptions {
  send: (id: string, file: File, onProgress: (share: number) => void, signal: AbortSignal) => Promise<Photo>;
  done: (photo: Photo, upload: Upload) => void;
  atOnce?: number;
  /** Where photos are kept until they arrived. */
  store?: { keep: (uploads: Upload[]) => void; forget: (id: string) => void };
}

const NOWHERE = { keep: () => {}, forget: () => {} };

const MAX_BYTES = 20 * 1024 * 1024;
const DEFAULT_PAUSE = 5;
const REFUSES_THE_FILE = [400, 413, 415, 422];

/** Sends photos, `atOnce` at a time; waits and goes on by itself when the server is busy. */
export function createUploadQueue({ send, done, atOnce = 2, store = NOWHERE }: UploadQueueOptions) {
  const uploads = reactive<Upload[]>([]);
  const stops = new Map<string, AbortController>();
  let pausedUntil = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function add(files: Iterable<File>): Upload[] {
    const added = [...files].map((file) => reactive(made(crypto.randomUUID(), file)));
    store.keep(added.filter(({ hopeless }) => !hopeless));
    return enqueue(added);
  }

  /** Goes on with photos that an earlier page had not sent. */
  function resume(waiting: { id: string; file: File }[]): Upload[] {
    return enqueue(waiting.filter(({ id }) => !find(id)).map(({ id, file }) => reactive(made(id, file))));
  }

  function enqueue(added: Upload[]): Upload[] {
    uploads.unshift(...added.toReversed());
    pump();
    return added;
  }

  function retry(id: string): void {
    const upload = find(id);
    if (upload?.state !== "failed" || upload.hopeless) return;
    Object.assign(upload, { state: "waiting", error: "", progress: 0 });
    pump();
  }

  /** Whatever failed for want of a connection is tried again. */
  function retryUnreached(): void {
    for (const upload of uploads) if (upload.error && unreached.has(upload.id)) retry(upload.id);
  }

  function remove(id: string): void {
    stops.get(id)?.abort();
    store.forget(id);
    const index = uploads.findIndex((upload) => upload.id === id);
    if (index >= 0) URL.revokeObjectURL(uploads.splice(index, 1)[0].preview);
    pump();
  }

  function clear(): void {
    for (const upload of [...uploads]) remove(upload.id);
  }

  /** How many are not with the server yet, but on their way to it. */
  const unsent = () => uploads.filter(({ state }) => state !== "failed").length;

  const unreached = new Set<string>();
  const find = (id: string) => uploads.find((upload) => upload.id === id);

  function pump(): void {
    const wait = pausedUntil - Date.now();
    if (wait > 0) {
      clearTimeout(timer);
      timer = setTimeout(pump, wait);
      return;
    }
    // The photo chosen first goes first; the list shows the newest on top.
    for (const upload of [...uploads].reverse()) {
      if (stops.size >= atOnce) return;
      if (upload.state === "waiting" || upload.state === "paused") void run(upload);
    }
  }

  async function run(upload: Upload): Promise<void> {
    const stop = new AbortController();
    stops.set(upload.id, stop);
    unreached.delete(upload.id);
    Object.assign(upload, { state: "uploading", progress: 0, error: "" });
    try {
      const photo = await send(upload.id, upload.file, (share) => progressed(upload, share), stop.signal);
      store.forget(upload.id);
      const index = uploads.findIndex(({ id }) => id === upload.id);
      if (index >= 0) done(photo, uploads.splice(index, 1)[0]);
    } catch (error) {
      if (!stop.signal.aborted) failed(upload, error);
    } finally {
      stops.delete(upload.id);
      pump();
    }
  }

  function progressed(upload: Upload, share: number): void {
    upload.progress = share;
    if (share >= 1) upload.state = "cutting";
  }

  function failed(upload: Upload, error: unknown): void {
    upload.error = sayError(error);
    if (error instanceof ApiError && error.passing) {
      pausedUntil = Math.max(pausedUntil, Date.now() + 1000 * (error.retryAfter ?? DEFAULT_PAUSE));
      Object.assign(upload, { state: "paused", resumeAt: pausedUntil });
    } else {
      if (error instanceof ApiError && error.status === 0) unreached.add(upload.id);
      upload.hopeless = error instanceof ApiError && REFUSES_THE_FILE.includes(error.status);
      upload.state = "failed";
      if (upload.hopeless) store.forget(upload.id);
    }
  }

  return { uploads, add, resume, unsent, retry, retryUnreached, remove, clear };
}

function made(id: string, file: File): Upload {
  const refused = refusal(file);
  return {
    id,
    file,
    preview: URL.createObjectURL(file),
    state: refused ? "failed" : "waiting",
    progress: 0,
    error: refused,
    hopeless: refused !== "",
    resumeAt: 0,
  };
}

/** Why this file need not be sent at all; empty when it may. */
function refusal(file: File): string {
  if (file.size === 0) return "This file is empty. Choose another photo.";
  if (file.size > MAX_BYTES) return "This file is larger than 20 MB. Choose a smaller one, or save it as JPEG first.";
  return "";
}
