/** Time spent at work: pauses longer than `idle` seconds between two actions count as `idle` seconds. */
export class Stopwatch {
  private last: number;

  constructor(
    private readonly now: () => number = () => performance.now() / 1000,
    private readonly idle = 30,
    private total = 0,
  ) {
    this.last = now();
  }

  tick(): void {
    const now = this.now();
    this.total += Math.min(now - this.last, this.idle);
    this.last = now;
  }

  get seconds(): number {
    const open = Math.min(this.now() - this.last, this.idle);
    return Math.round((this.total + open) * 10) / 10;
  }
}
