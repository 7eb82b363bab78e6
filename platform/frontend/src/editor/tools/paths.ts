import { lineRect } from "./brush";
import { intersect, type Point } from "./kernels";

/** Each pixel's distance to a path, in pixels; Infinity beyond `most`. */
export function distanceToPath(
  width: number,
  height: number,
  points: readonly Point[],
  most = width + height,
): Float32Array {
  const best = new Float32Array(width * height).fill(Infinity);
  const whole = { left: 0, top: 0, right: width, bottom: height };
  points.forEach((to, k) => {
    const from = points[Math.max(0, k - 1)];
    const { left, top, right, bottom } = intersect(whole, lineRect(from, to, most));
    const dx = to.x - from.x;
    const dy = to.y - from.y;
    const length2 = dx * dx + dy * dy;
    for (let y = top; y < bottom; y++) {
      const py = y + 0.5 - from.y;
      for (let x = left; x < right; x++) {
        const px = x + 0.5 - from.x;
        const along = length2 ? Math.max(0, Math.min(1, (px * dx + py * dy) / length2)) : 0;
        const distance = (px - along * dx) ** 2 + (py - along * dy) ** 2;
        if (distance < best[y * width + x]) best[y * width + x] = distance;
      }
    }
  });
  return best.map(Math.sqrt);
}

/** The path with fewer points: none is farther than `tolerance` from what is left out (Ramer, Douglas, Peucker). */
export function simplify(points: readonly Point[], tolerance: number): Point[] {
  if (points.length < 3) return [...points];
  const first = points[0];
  const last = points[points.length - 1];
  let worst = 0;
  let at = 0;
  for (let i = 1; i < points.length - 1; i++) {
    const off = distanceToLine(points[i], first, last);
    if (off > worst) [worst, at] = [off, i];
  }
  if (worst <= tolerance) return [first, last];
  return [...simplify(points.slice(0, at + 1), tolerance).slice(0, -1), ...simplify(points.slice(at), tolerance)];
}

function distanceToLine(point: Point, from: Point, to: Point): number {
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const length2 = dx * dx + dy * dy;
  const along = length2 ? Math.max(0, Math.min(1, ((point.x - from.x) * dx + (point.y - from.y) * dy) / length2)) : 0;
  return Math.hypot(point.x - from.x - along * dx, point.y - from.y - along * dy);
}
