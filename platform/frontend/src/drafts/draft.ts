import type { Photo } from "../api/types";
import { apply, type Keeper, type Step } from "../editor/history";
import type { Plane } from "../editor/tools/kernels";
import type { StrokeNote } from "../editor/stroke";
import {
  database,
  servedOf,
  stepsFrom,
  STRICT,
  type BaseRow,
  type Database,
  type DraftRow,
  type StepRow,
} from "./database";

const BATCH = 64; // steps read at a time

/** `problem` is empty while every finished stroke is, or is just being, written down. */
export interface Keeping {
  writing: boolean;
  problem: string;
}

interface Write {
  from: number;
  to: number;
}

/**
 * A fix under way, written down stroke by stroke. A write is handed to the browser, whole and in order, before the
 * stroke's own event is over, so a tab that dies loses at most the stroke in the air. When the browser takes nothing
 * more, editing goes on in memory, `problem` says so, and the next stroke tries again with all that is missing.
 */
export class Draft implements Keeper<StrokeNote> {
  /** Seconds spent so far, asked at every write. */
  seconds: () => number = () => this.row.seconds;
  onChange: (keeping: Keeping) => void = () => {};

  private steps: readonly Step<StrokeNote>[] = [];
  private held = 0; // steps below are on the disk
  private unwritten = 0; // steps from here on are not even on their way
  private baseHeld = false;
  private flying: Write[] = [];
  private problem = "";
  private closed = false;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private db: Database | null,
    readonly row: DraftRow,
    readonly base: BaseRow,
    reason = "",
  ) {
    this.problem = reason;
  }

  get keeping(): Keeping {
    return { writing: this.flying.length > 0, problem: this.problem };
  }

  write(steps: readonly Step<StrokeNote>[], from: number, done: number): void {
    this.steps = steps;
    this.unwritten = Math.min(this.unwritten, from);
    this.held = Math.min(this.held, from);
    for (const write of this.flying) write.to = Math.min(write.to, from);
    Object.assign(this.row, { done, seconds: this.seconds(), revision: this.row.revision + 1, at: Date.now() });
    this.flush();
  }

  holds(at: number): boolean {
    return at < this.held;
  }

  async read(at: number): Promise<Map<number, Uint8Array>> {
    const row = await this.db?.get("steps", [this.row.photo, at]);
    if (!row) throw new Error("An older stroke could not be read back from this device's storage.");
    return new Map(row.tiles);
  }

  /** The next save replaces `version` of correction `id`. */
  async rebase(served: string, id: string, version: number | null): Promise<void> {
    Object.assign(this.row, { served, correction: id, version });
    if (!this.baseHeld || this.closed) return;
    await this.run(() => this.db!.put("drafts", this.row));
  }

  /** Goes on after steps that were read back from the disk. */
  resume(steps: readonly Step<StrokeNote>[]): void {
    this.steps = steps;
    this.held = this.unwritten = steps.length;
    this.baseHeld = true;
  }

  /** When everything written so far is on the disk, or has failed to get there. */
  async settled(): Promise<void> {
    await this.last;
  }

  /** Nothing is written any more: another tab goes on. */
  close(): void {
    this.closed = true;
  }

  private flush(): void {
    if (!this.db || this.closed) return;
    const write = { from: this.unwritten, to: this.steps.length };
    this.unwritten = write.to;
    this.flying.push(write);
    this.last = this.run(() => this.put(write.from)).then((done) => {
      this.flying.splice(this.flying.indexOf(write), 1);
      if (done) {
        this.baseHeld = true;
        if (write.from <= this.held) this.held = Math.max(this.held, write.to);
      } else this.unwritten = Math.min(this.unwritten, write.from);
      this.onChange(this.keeping);
    });
    this.onChange(this.keeping);
  }

  /** All in one transaction that is under way when this returns. */
  private put(from: number): Promise<unknown> {
    const rows = this.steps.slice(from).map((step, i) => stepRow(this.row.photo, from + i, step));
    const transaction = this.db!.transaction(["drafts", "bases", "steps"], "readwrite", STRICT);
    const steps = transaction.objectStore("steps");
    const asked: Promise<unknown>[] = [transaction.done];
    if (rows.length) asked.push(steps.delete(stepsFrom(this.row.photo, from)));
    for (const row of rows) asked.push(steps.put(row));
    if (!this.baseHeld) {
      asked.push(transaction.objectStore("bases").put(this.base));
      if (from === 0) void navigator.storage?.persist?.().catch(() => false); // not to be cleared by the browser itself
    }
    asked.push(transaction.objectStore("drafts").put(this.row));
    transaction.commit();
    return Promise.all(asked);
  }

  private async run(ask: () => Promise<unknown>): Promise<boolean> {
    try {
      await ask();
      this.problem = "";
      return true;
    } catch (error) {
      this.problem = explain(error);
      if (nameOf(error) === "InvalidStateError") this.db = await database().catch(() => this.db); // closed meanwhile
      return false;
    }
  }
}

const nameOf = (error: unknown) => (error instanceof Error || error instanceof DOMException ? error.name : "");

function explain(error: unknown): string {
  return nameOf(error) === "QuotaExceededError"
    ? "This device's storage is full, so your strokes are only in this tab now. Save soon, or free some space."
    : "This browser can't write down your strokes, so they are only in this tab. Save before you close it.";
}

function stepRow(photo: string, at: number, step: Step<StrokeNote>): StepRow {
  if (!step.tiles) throw new Error("A stroke that was let go can't be written down.");
  return { photo, at, note: step.note, tiles: [...step.tiles], bytes: step.bytes };
}

/** What was begun before and never sent, or null. */
export async function storedDraft(photo: string): Promise<{ row: DraftRow; base: BaseRow } | null> {
  try {
    const db = await database();
    const transaction = db.transaction(["drafts", "bases"]);
    const [row, base] = await Promise.all([
      transaction.objectStore("drafts").get(photo),
      transaction.objectStore("bases").get(photo),
    ]);
    return row && base ? { row, base } : null;
  } catch {
    return null; // where nothing can be kept, nothing was
  }
}

/** The photos that have a draft. */
export async function listDrafts(): Promise<string[]> {
  try {
    return await (await database()).getAllKeys("drafts");
  } catch {
    return [];
  }
}

/** A draft that is written down with its first stroke. */
export async function beginDraft(photo: Photo, base: Omit<BaseRow, "photo">): Promise<Draft> {
  const row: DraftRow = {
    photo: photo.id,
    about: photo,
    served: servedOf(photo),
    correction: photo.correction?.id ?? crypto.randomUUID(),
    version: photo.correction?.version ?? null,
    prediction: photo.prediction?.id ?? "",
    done: 0,
    seconds: base.seconds,
    revision: 0,
    at: Date.now(),
  };
  return make(row, { photo: photo.id, ...base });
}

/** Goes on with a stored draft: paints its steps on `plane`, which must show its base, and answers them. */
export async function resumeDraft(
  { row, base }: { row: DraftRow; base: BaseRow },
  plane: Plane,
): Promise<{ draft: Draft; steps: Step<StrokeNote>[]; done: number }> {
  const db = await database();
  const steps: Step<StrokeNote>[] = [];
  for (let full = true; full;) {
    const rows = await db.getAll("steps", stepsFrom(row.photo, steps.length), BATCH);
    full = rows.length === BATCH;
    for (const step of rows) {
      if (step.at !== steps.length) break; // a gap: what lies beyond was never whole
      const tiles = new Map(step.tiles);
      if (step.at < row.done) apply(plane, tiles);
      // The nearest are kept at hand, the others are read again when they are undone.
      steps.push({ note: step.note, bytes: step.bytes, tiles: Math.abs(step.at - row.done) < 200 ? tiles : null });
    }
    if (steps.length % BATCH) full = false;
  }
  row.done = Math.min(row.done, steps.length);
  const draft = await make(row, base);
  draft.resume(steps);
  return { draft, steps, done: row.done };
}

async function make(row: DraftRow, base: BaseRow): Promise<Draft> {
  try {
    const db = await database();
    return new Draft(db, row, base);
  } catch (error) {
    return new Draft(null, row, base, explain(error));
  }
}
