import { unite, type Plane, type Rect } from "./tools/kernels";
import { pack, unpack } from "./packing";
import { readTile, tileRect, writeTile } from "./view/tiles";

/** One change as a tool hands it over: each touched tile as it was before. */
export interface Delta<Note> {
  tiles: Map<number, Uint8ClampedArray>;
  note: Note;
}

/**
 * One change as it is kept: of each touched tile the bitwise difference between before and after, packed. The same
 * bytes undo it and redo it, so a step is written once and never changes.
 */
export interface Step<Note> {
  note: Note;
  /** Null while it is only in the keeper's hands. */
  tiles: Map<number, Uint8Array> | null;
  /** Packed, in bytes. */
  bytes: number;
}

/** Keeps steps beyond this page's memory and life. */
export interface Keeper<Note> {
  /** The steps from `from` on are new, whatever stood there is gone; `done` of all steps are not undone. */
  write(steps: readonly Step<Note>[], from: number, done: number): void;
  /** Whether step `at` can be read back. */
  holds(at: number): boolean;
  read(at: number): Promise<Map<number, Uint8Array>>;
}

export interface HistoryOptions<Note> {
  keeper?: Keeper<Note>;
  /** What a keeper brought back: the plane must be as these steps, `done` of them, left it. */
  steps?: Step<Note>[];
  done?: number;
  /** Past this many bytes the oldest steps are left to the keeper. */
  maxBytes?: number;
  /** Past this many bytes the oldest steps that no keeper holds are forgotten; their notes stay. */
  mostBytes?: number;
}

const MB = 1024 * 1024;

/** Undo and redo of a plane, step by step, without an end as long as a keeper takes what memory cannot. */
export class History<Note> {
  private readonly steps: Step<Note>[];
  private done: number;
  private readonly keeper: Keeper<Note> | null;
  private readonly maxBytes: number;
  private readonly mostBytes: number;
  private forgotten = 0; // steps at the bottom that can't be undone any more
  private bytes = 0;
  private saved: Step<Note> | null | undefined; // the last step that was saved; undefined once it is undone for good

  constructor(
    readonly plane: Plane,
    { keeper, steps = [], done = steps.length, maxBytes = 64 * MB, mostBytes = 192 * MB }: HistoryOptions<Note> = {},
  ) {
    this.keeper = keeper ?? null;
    this.steps = [...steps];
    this.done = done;
    this.maxBytes = maxBytes;
    this.mostBytes = mostBytes;
    this.saved = null;
    for (const step of steps) this.bytes += step.tiles ? step.bytes : 0;
    this.relieve();
  }

  get canUndo(): boolean {
    return this.done > this.forgotten;
  }

  get canRedo(): boolean {
    return this.done < this.steps.length;
  }

  /** True while the plane differs from what was last saved (or opened). */
  get changed(): boolean {
    return this.top !== this.saved;
  }

  /** What led to the plane as it is, oldest first. */
  get notes(): Note[] {
    return this.steps.slice(0, this.done).map((step) => step.note);
  }

  /** Takes a change that has just been made. */
  commit({ tiles, note }: Delta<Note>): void {
    for (const gone of this.steps.splice(this.done)) {
      this.bytes -= gone.tiles ? gone.bytes : 0;
      if (gone === this.saved) this.saved = undefined;
    }
    const step = this.step(tiles, note);
    this.steps.push(step);
    this.bytes += step.bytes;
    this.done += 1;
    this.keeper?.write(this.steps, this.done - 1, this.done);
    this.relieve();
  }

  /** Whether undo (or redo) has what it needs at hand; if not, `recall` brings it. */
  ready(way: "undo" | "redo"): boolean {
    return this.at(way)?.tiles !== null;
  }

  async recall(way: "undo" | "redo"): Promise<void> {
    const index = way === "undo" ? this.done - 1 : this.done;
    const step = this.steps[index];
    if (!this.keeper || !step || step.tiles) return;
    const tiles = await this.keeper.read(index);
    if (this.steps[index] !== step || step.tiles) return;
    step.tiles = tiles;
    this.bytes += step.bytes;
    this.relieve();
  }

  /** The part of the plane that changed, or null when there was nothing to undo. */
  undo(): Rect | null {
    if (!this.canUndo) return null;
    return this.swap(this.steps[this.done - 1], -1);
  }

  redo(): Rect | null {
    if (!this.canRedo) return null;
    return this.swap(this.steps[this.done], 1);
  }

  markSaved(): void {
    this.saved = this.top;
  }

  private get top(): Step<Note> | null {
    return this.done ? this.steps[this.done - 1] : null;
  }

  private at(way: "undo" | "redo"): Step<Note> | undefined {
    return this.steps[way === "undo" ? this.done - 1 : this.done];
  }

  private swap(step: Step<Note>, by: 1 | -1): Rect | null {
    if (!step.tiles) return null;
    const rect = apply(this.plane, step.tiles);
    this.done += by;
    this.keeper?.write(this.steps, this.steps.length, this.done);
    return rect;
  }

  private step(before: Map<number, Uint8ClampedArray>, note: Note): Step<Note> {
    const tiles = new Map<number, Uint8Array>();
    let bytes = 0;
    for (const [index, was] of before) {
      const difference = readTile(this.plane, index);
      for (let i = 0; i < was.length; i++) difference[i] ^= was[i];
      const packed = pack(difference);
      tiles.set(index, packed);
      bytes += packed.length;
    }
    return { note, tiles, bytes };
  }

  /** Frees memory, oldest first: of what the keeper holds, and, when that is not enough, of what nobody will. */
  private relieve(): void {
    this.drop(this.maxBytes, (at) => Boolean(this.keeper?.holds(at)));
    this.drop(this.mostBytes, (at) => {
      if (at < this.done) this.forgotten = at + 1;
      return at < this.done;
    });
  }

  private drop(most: number, may: (at: number) => boolean): void {
    for (let at = this.forgotten; at < this.steps.length && this.bytes > most; at++) {
      const step = this.steps[at];
      const atHand = at === this.done - 1 || at === this.done;
      if (!step.tiles || atHand || !may(at)) continue;
      step.tiles = null;
      this.bytes -= step.bytes;
    }
  }
}

/** Undoes or redoes one step on the plane, and answers the part that changed. */
export function apply(plane: Plane, tiles: Map<number, Uint8Array>): Rect | null {
  let rect: Rect | null = null;
  for (const [index, packed] of tiles) {
    const tile = readTile(plane, index);
    const difference = unpack(packed, tile.length);
    for (let i = 0; i < tile.length; i++) tile[i] ^= difference[i];
    writeTile(plane, index, tile);
    rect = unite(rect, tileRect(plane, index));
  }
  return rect;
}
