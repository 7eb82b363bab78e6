import type { History } from "./history";
import type { Job } from "./jobs";
import { unite, type Plane, type Point, type Rect } from "./tools/kernels";
import { writeRegion, type Region } from "./tools/region";
import type { Solver } from "./tools/solver";
import type { StrokeNote } from "./stroke";
import { tileRect } from "./view/tiles";

/** Something to compute, and where in the mask its answer belongs. */
export interface Task {
  job: Job;
  region: Omit<Region, "rgba">;
  note: StrokeNote;
  /** Only what lies inside of it may change. */
  outline?: readonly Point[] | null;
}

export interface WorkTarget {
  readonly plane: Plane;
  readonly history: History<StrokeNote>;
  /** True while a stroke is in the air: answers wait for its end, so that taking it back is exact. */
  readonly painting: boolean;
  painted(rect: Rect): void;
  /** A task was begun or ended; `error` says why it came to nothing. */
  worked(error?: string): void;
}

/** Hands tasks to the solver and brings their answers into the mask, each as one step that can be undone. */
export class Work {
  private underWay: { task: Task; alpha: Uint8ClampedArray | null }[] = [];
  private idle: (() => void)[] = [];

  constructor(
    private readonly target: WorkTarget,
    private readonly solver: Solver,
  ) {}

  get busy(): boolean {
    return this.underWay.length > 0;
  }

  async start(task: Task): Promise<void> {
    const entry: (typeof this.underWay)[number] = { task, alpha: null };
    this.underWay.push(entry);
    this.target.worked();
    try {
      entry.alpha = await this.solver.solve(task.job);
      this.deliver();
    } catch (error) {
      if (this.drop(entry)) this.target.worked(error instanceof Error ? error.message : String(error));
    }
  }

  /** Brings in the answers that are there, oldest first. To be called when a stroke has ended, too. */
  deliver(): void {
    while (this.underWay[0]?.alpha && !this.target.painting) {
      const entry = this.underWay[0];
      this.apply(entry.task, entry.alpha!);
      this.drop(entry);
      this.target.worked();
    }
  }

  /** Whoever waits for an answer waits in vain; nothing of it will show. False when nothing was under way. */
  cancel(): boolean {
    const had = this.busy;
    for (const entry of [...this.underWay]) this.drop(entry);
    if (had) this.target.worked();
    return had;
  }

  /** Resolves when every answer is in the mask. */
  settled(): Promise<void> {
    return this.busy ? new Promise((resolve) => this.idle.push(resolve)) : Promise.resolve();
  }

  private apply({ region, outline, note }: Task, alpha: Uint8ClampedArray): void {
    const { plane, history } = this.target;
    const tiles = writeRegion(plane, region, alpha, outline);
    if (!tiles.size) return;
    let rect: Rect | null = null;
    for (const index of tiles.keys()) rect = unite(rect, tileRect(plane, index));
    history.commit({ tiles, note });
    this.target.painted(rect!);
  }

  private drop(entry: (typeof this.underWay)[number]): boolean {
    const at = this.underWay.indexOf(entry);
    if (at < 0) return false;
    this.underWay.splice(at, 1);
    if (!this.busy) for (const resolve of this.idle.splice(0)) resolve();
    return true;
  }
}
