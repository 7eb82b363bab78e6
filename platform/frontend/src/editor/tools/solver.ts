import { perform, type Job } from "../jobs";

/** Does jobs, one after the other. */
export interface Solver {
  solve(job: Job): Promise<Uint8ClampedArray>;
  destroy(): void;
}

/** On the main thread, for a browser without workers and for tests. */
export class DirectSolver implements Solver {
  async solve(job: Job): Promise<Uint8ClampedArray> {
    return perform(job);
  }

  destroy(): void {}
}

export interface Answer {
  id: number;
  alpha?: Uint8ClampedArray;
  error?: string;
}

interface Waiting {
  resolve(alpha: Uint8ClampedArray): void;
  reject(error: Error): void;
}

/** In a worker of its own, started with the first job, so that painting goes on while it computes. */
export class WorkerSolver implements Solver {
  private worker: Worker | null = null;
  private readonly waiting = new Map<number, Waiting>();
  private last = 0;

  constructor(private readonly start: () => Worker = startWorker) {}

  solve(job: Job): Promise<Uint8ClampedArray> {
    const worker = (this.worker ??= this.begin());
    const id = ++this.last;
    const pixels = job.kind === "refine" ? [job.plane.data.buffer] : [job.rgba.buffer, job.alpha.buffer];
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      worker.postMessage({ id, job }, pixels as ArrayBuffer[]);
    });
  }

  destroy(): void {
    this.fail("The editor was closed.");
  }

  private begin(): Worker {
    const worker = this.start();
    worker.onmessage = ({ data: { id, alpha, error } }: MessageEvent<Answer>) => {
      const waiting = this.waiting.get(id);
      this.waiting.delete(id);
      if (alpha) waiting?.resolve(alpha);
      else waiting?.reject(new Error(error));
    };
    worker.onerror = (event) => this.fail(event.message || "The editor's helper could not be loaded. Reload the page.");
    return worker;
  }

  private fail(reason: string): void {
    this.worker?.terminate();
    this.worker = null;
    for (const { reject } of this.waiting.values()) reject(new Error(reason));
    this.waiting.clear();
  }
}

function startWorker(): Worker {
  return new Worker(new URL("../worker.ts", import.meta.url), { type: "module" });
}
