/** Distances that grow where the picture changes: what a stroke can reach without crossing an edge. */

const ORTHOGONAL = 10;
const DIAGONAL = 14;
const BUCKETS = 512; // more than any step costs

/**
 * Geodesic distance from the seeds, per pixel: the length of the way (10 a step, 14 a diagonal one) times
 * `spatial`, plus what the colours change on it, each step's change (0..255, largest channel) less `noise`, times ten.
 * Dial's buckets: every cost is a small whole number. Pixels farther than `limit` stay at `limit`.
 */
export function geodesicDistance(
  rgba: Uint8ClampedArray,
  width: number,
  height: number,
  seeds: readonly number[],
  limit: number,
  spatial = 0.1,
  noise = 0,
): Uint16Array {
  const distance = new Uint16Array(width * height).fill(limit);
  const buckets: number[][] = Array.from({ length: BUCKETS }, () => []);
  let waiting = 0;
  const reach = (pixel: number, cost: number) => {
    if (cost >= distance[pixel]) return;
    distance[pixel] = cost;
    buckets[cost % BUCKETS].push(pixel);
    waiting++;
  };
  for (const seed of seeds) reach(seed, 0);
  for (let cost = 0; cost < limit && waiting; cost++) {
    const bucket = buckets[cost % BUCKETS];
    for (let pixel = bucket.pop(); pixel !== undefined; pixel = bucket.pop()) {
      waiting--;
      if (distance[pixel] !== cost) continue;
      const x = pixel % width;
      const y = (pixel - x) / width;
      for (let dy = -1; dy <= 1; dy++) {
        if (y + dy < 0 || y + dy >= height) continue;
        for (let dx = -1; dx <= 1; dx++) {
          if ((!dx && !dy) || x + dx < 0 || x + dx >= width) continue;
          const other = pixel + dy * width + dx;
          if (distance[other] <= cost) continue;
          const length = dx && dy ? DIAGONAL : ORTHOGONAL;
          const change = Math.max(0, colourChange(rgba, pixel, other) - noise);
          reach(other, cost + Math.max(1, Math.round(length * (spatial + change / 10))));
        }
      }
    }
  }
  return distance;
}

/** The largest difference of a channel between two pixels: 0..255. */
export function colourChange(rgba: Uint8ClampedArray, a: number, b: number): number {
  const i = 4 * a;
  const j = 4 * b;
  return Math.max(
    Math.abs(rgba[i] - rgba[j]),
    Math.abs(rgba[i + 1] - rgba[j + 1]),
    Math.abs(rgba[i + 2] - rgba[j + 2]),
  );
}
