import type { History } from "./history";
import type { Rect } from "./tools/kernels";
import type { StrokeNote } from "./stroke";

interface Hooks {
  /** True while a pointer is down. */
  gesturing: () => boolean;
  painting: () => boolean;
  /** Takes back what is under way, an answer or the last corner of an outline; false when nothing is. */
  withdraw: () => boolean;
  /** Ends what is under way, so that it is a step. */
  finish: () => void;
  painted: (rect: Rect) => void;
  acted: () => void;
}

/** Undo and redo of the editor: what is under way first, then the history's steps. */
export class Steps {
  constructor(
    private readonly history: History<StrokeNote>,
    private readonly hooks: Hooks,
  ) {}

  async undo(): Promise<boolean> {
    if (this.hooks.gesturing()) return false;
    if (this.hooks.withdraw()) {
      this.hooks.acted();
      return true;
    }
    return this.restore("undo");
  }

  redo(): Promise<boolean> {
    return this.restore("redo");
  }

  private async restore(way: "undo" | "redo"): Promise<boolean> {
    const { gesturing, painting, finish, painted, acted } = this.hooks;
    if (gesturing()) return false;
    finish();
    if (!this.history.ready(way)) {
      await this.history.recall(way);
      if (gesturing() || painting()) return false; // painting has begun meanwhile
    }
    const rect = this.history[way]();
    if (rect) painted(rect);
    acted();
    return rect !== null;
  }
}
