import { unite, type Plane, type Rect } from "./kernels";
import { swapTile, tileRect } from "./tiles";

/** One change: for each touched tile, the bytes that stand on the other side of it. */
export interface Delta<Note> {
  tiles: Map<number, Uint8ClampedArray>;
  note: Note;
}

/**
 * Undo and redo of a plane. A delta keeps one copy of each tile it touched; undoing swaps that copy with the plane,
 * and redoing swaps it back, so nothing is ever a snapshot of the whole.
 */
export class History<Note> {
  private done: Delta<Note>[] = [];
  private undone: Delta<Note>[] = [];
  private forgotten: Note[] = [];
  private floor: object = {};
  private saved: object = this.floor;

  /** Past `maxBytes` of deltas the oldest changes can no longer be undone; their notes are kept. */
  constructor(
    private readonly plane: Plane,
    private readonly maxBytes = 64 * 1024 * 1024,
  ) {}

  get canUndo(): boolean {
    return this.done.length > 0;
  }

  get canRedo(): boolean {
    return this.undone.length > 0;
  }

  /** True while the plane differs from what was last saved (or opened). */
  get changed(): boolean {
    return this.top !== this.saved;
  }

  /** What led to the plane as it is, oldest first. */
  get notes(): Note[] {
    return [...this.forgotten, ...this.done.map((delta) => delta.note)];
  }

  commit(delta: Delta<Note>): void {
    this.done.push(delta);
    this.undone = [];
    let bytes = this.done.reduce((sum, entry) => sum + size(entry), 0);
    while (bytes > this.maxBytes && this.done.length > 1) {
      const oldest = this.done.shift()!;
      bytes -= size(oldest);
      this.floor = oldest;
      this.forgotten.push(oldest.note);
    }
  }

  /** The part of the plane that changed, or null when there was nothing to undo. */
  undo(): Rect | null {
    return this.step(this.done, this.undone);
  }

  redo(): Rect | null {
    return this.step(this.undone, this.done);
  }

  markSaved(): void {
    this.saved = this.top;
  }

  private get top(): object {
    return this.done.at(-1) ?? this.floor;
  }

  private step(from: Delta<Note>[], to: Delta<Note>[]): Rect | null {
    const delta = from.pop();
    if (!delta) return null;
    let rect: Rect | null = null;
    for (const [index, tile] of delta.tiles) {
      delta.tiles.set(index, swapTile(this.plane, index, tile));
      rect = unite(rect, tileRect(this.plane, index));
    }
    to.push(delta);
    return rect;
  }
}

function size(delta: Delta<unknown>): number {
  let bytes = 0;
  for (const tile of delta.tiles.values()) bytes += tile.length;
  return bytes;
}
