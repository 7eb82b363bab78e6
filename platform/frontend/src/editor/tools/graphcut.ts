/**
 * Minimum cut of an 8-connected grid: Boykov and Kolmogorov, "An Experimental Comparison of Min-Cut/Max-Flow Algorithms
 * for Energy Minimization in Vision", PAMI 2004. Two trees grow from the terminals; where they touch, flow is pushed.
 */

/** Right, left, down, up and the diagonals; a direction's opposite is `direction ^ 1`. */
export const DIRECTIONS: readonly (readonly [dx: number, dy: number])[] = [
  [1, 0],
  [-1, 0],
  [0, 1],
  [0, -1],
  [1, 1],
  [-1, -1],
  [-1, 1],
  [1, -1],
];

const FREE = 0;
const SOURCE = 1;
const SINK = 2;
const TERMINAL = 8;
const NONE = 9;

class Trees {
  readonly tree: Uint8Array;
  private readonly parent: Uint8Array;
  private readonly stamp: Int32Array;
  private readonly depth: Int32Array;
  private readonly offset: number[];
  private readonly queue: Int32Array;
  private readonly queued: Uint8Array;
  private head = 0;
  private length = 0;
  private time = 1;
  private orphans: number[] = [];

  constructor(
    width: number,
    private readonly terminal: Float32Array,
    private readonly capacity: readonly Float32Array[],
  ) {
    const nodes = terminal.length;
    this.tree = new Uint8Array(nodes);
    this.parent = new Uint8Array(nodes).fill(NONE);
    this.stamp = new Int32Array(nodes);
    this.depth = new Int32Array(nodes);
    this.queue = new Int32Array(nodes);
    this.queued = new Uint8Array(nodes);
    this.offset = DIRECTIONS.map(([dx, dy]) => dy * width + dx);
    for (let node = 0; node < nodes; node++) {
      if (terminal[node] === 0) continue;
      this.tree[node] = terminal[node] > 0 ? SOURCE : SINK;
      this.parent[node] = TERMINAL;
      this.depth[node] = 1;
      this.activate(node);
    }
  }

  run(): void {
    while (this.length) {
      const node = this.queue[this.head];
      const direction = this.tree[node] ? this.grow(node) : NONE;
      if (direction === NONE) {
        this.head = (this.head + 1) % this.queue.length;
        this.length--;
        this.queued[node] = 0;
        continue;
      }
      const other = node + this.offset[direction];
      this.time++;
      if (this.tree[node] === SOURCE) this.augment(node, direction, other);
      else this.augment(other, direction ^ 1, node);
      while (this.orphans.length) this.adopt(this.orphans.pop()!);
    }
  }

  private activate(node: number): void {
    if (this.queued[node]) return;
    this.queued[node] = 1;
    this.queue[(this.head + this.length) % this.queue.length] = node;
    this.length++;
  }

  /** Residual capacity from the root's side towards the leaves: from `node` outwards, whichever tree it is in. */
  private outward(node: number, direction: number): number {
    return this.tree[node] === SOURCE
      ? this.capacity[direction][node]
      : (this.capacity[direction ^ 1][node + this.offset[direction]] ?? 0);
  }

  /** Takes free neighbours into the tree; answers the direction in which it met the other tree, or NONE. */
  private grow(node: number): number {
    for (let direction = 0; direction < 8; direction++) {
      if (!(this.outward(node, direction) > 0)) continue;
      const other = node + this.offset[direction];
      if (this.tree[other] === FREE) {
        this.tree[other] = this.tree[node];
        this.parent[other] = direction ^ 1;
        this.stamp[other] = this.stamp[node];
        this.depth[other] = this.depth[node] + 1;
        this.activate(other);
      } else if (this.tree[other] !== this.tree[node]) {
        return direction;
      } else if (this.stamp[other] <= this.stamp[node] && this.depth[other] > this.depth[node] + 1) {
        if (this.parent[other] !== TERMINAL) {
          this.parent[other] = direction ^ 1;
          this.stamp[other] = this.stamp[node];
          this.depth[other] = this.depth[node] + 1;
        }
      }
    }
    return NONE;
  }

  private augment(from: number, direction: number, to: number): void {
    const { capacity, parent, offset, terminal } = this;
    let flow = capacity[direction][from];
    let node = from;
    for (; parent[node] !== TERMINAL; node += offset[parent[node]]) {
      flow = Math.min(flow, capacity[parent[node] ^ 1][node + offset[parent[node]]]);
    }
    flow = Math.min(flow, terminal[node]);
    for (node = to; parent[node] !== TERMINAL; node += offset[parent[node]]) {
      flow = Math.min(flow, capacity[parent[node]][node]);
    }
    flow = Math.min(flow, -terminal[node]);

    this.push(from, direction, flow);
    for (node = from; parent[node] !== TERMINAL;) {
      const up = parent[node];
      const above = node + offset[up];
      this.push(above, up ^ 1, flow);
      if (!(capacity[up ^ 1][above] > 0)) this.orphan(node);
      node = above;
    }
    terminal[node] -= flow;
    if (!(terminal[node] > 0)) this.orphan(node);
    for (node = to; parent[node] !== TERMINAL;) {
      const up = parent[node];
      const above = node + offset[up];
      this.push(node, up, flow);
      if (!(capacity[up][node] > 0)) this.orphan(node);
      node = above;
    }
    terminal[node] += flow;
    if (!(terminal[node] < 0)) this.orphan(node);
  }

  private push(node: number, direction: number, flow: number): void {
    this.capacity[direction][node] -= flow;
    this.capacity[direction ^ 1][node + this.offset[direction]] += flow;
  }

  private orphan(node: number): void {
    this.parent[node] = NONE;
    this.orphans.push(node);
  }

  /** Finds another parent whose way still leads to the terminal, or sets the node and its children free. */
  private adopt(node: number): void {
    const { tree, parent, offset } = this;
    let best = NONE;
    let least = Infinity;
    for (let direction = 0; direction < 8; direction++) {
      const other = node + offset[direction];
      if (tree[other] !== tree[node] || !(this.outward(other, direction ^ 1) > 0)) continue;
      const depth = this.rootDepth(other);
      if (depth < least) {
        least = depth;
        best = direction;
      }
    }
    if (best !== NONE) {
      parent[node] = best;
      this.stamp[node] = this.time;
      this.depth[node] = least + 1;
      return;
    }
    for (let direction = 0; direction < 8; direction++) {
      const other = node + offset[direction];
      if (tree[other] !== tree[node]) continue;
      if (this.outward(other, direction ^ 1) > 0) this.activate(other);
      if (parent[other] === (direction ^ 1)) this.orphan(other);
    }
    tree[node] = FREE;
  }

  /** Steps to the terminal, or Infinity when the way there is broken. Marks what it passed, to be quick next time. */
  private rootDepth(node: number): number {
    const { parent, offset, stamp, depth, time } = this;
    let steps = 0;
    let at = node;
    for (; stamp[at] !== time; at += offset[parent[at]]) {
      if (parent[at] === NONE) return Infinity;
      steps++;
      if (parent[at] === TERMINAL) break;
    }
    const found = stamp[at] === time ? steps + depth[at] : steps;
    if (parent[at] === TERMINAL && stamp[at] !== time) {
      stamp[at] = time;
      depth[at] = 1;
    }
    let left = found;
    for (at = node; stamp[at] !== time; at += offset[parent[at]]) {
      stamp[at] = time;
      depth[at] = left--;
    }
    return found;
  }
}

/**
 * Which nodes stay on the source's side: one byte each, 1 for the source.
 * `terminal` holds each node's capacity from the source less its capacity to the sink; `capacity[d][n]` the capacity
 * from node n in direction d, 0 where that would leave the grid. Both are used up.
 */
export function minCut(width: number, terminal: Float32Array, capacity: readonly Float32Array[]): Uint8Array {
  const trees = new Trees(width, terminal, capacity);
  trees.run();
  return trees.tree.map((side) => (side === SOURCE ? 1 : 0));
}
