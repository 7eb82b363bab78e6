import type { Plane, Point } from "../../src/editor/kernels";
import { strokeLine } from "../../src/editor/brush";
import { smartStroke } from "../../src/editor/smart";
import { byHand, iou, largestError, middleLine, random, spread } from "./person";

export type Tool = "brush" | "edge" | "smart";
export const TOOLS: Tool[] = ["brush", "smart"];
const AT_MOST = 60;
export const person = { reach: 1.1 };

export interface Case {
  name: string;
  width: number;
  height: number;
  iou: number;
  rgba: Uint8ClampedArray;
  alpha: Uint8ClampedArray;
  truth: Uint8Array;
}

export function correct(entry: Case, tool: Tool, goal: number, seed: number) {
  const next = random(seed + Number(entry.name));
  const mask: Plane = { width: entry.width, height: entry.height, data: entry.alpha.slice() };
  const times: number[] = [];
  let strokes = 0,
    undone = 0,
    failed = 0;
  let now = iou(mask, entry.truth);
  while (now < goal && strokes < AT_MOST) {
    const region = largestError(mask, entry.truth);
    if (!region) break;
    const deepest = region.depth[region.peak];
    const before = mask.data.slice();
    const how = tool === "smart" && failed === 0 ? "smart" : "brush";
    const started = performance.now();
    if (how === "smart") {
      const line = middleLine(region, mask, deepest * 0.5);
      const cut = line.slice(Math.floor(line.length * 0.2), Math.ceil(line.length * 0.8));
      const points = byHand(cut, Math.max(3, deepest), 0.15 * deepest + 0.5, next);
      const reach = Math.min(
        120,
        Math.max(6, spread(region, points, entry.width, 0.95) * person.reach * (0.9 + 0.2 * next())),
      );
      smart(mask, entry, points, reach, region.keep);
    } else {
      const radius = 0.8 * deepest * (0.9 + 0.2 * next());
      const line = middleLine(region, mask, deepest * 0.55);
      paint(
        mask,
        byHand(line, Math.max(2, radius / 2), 0.12 * deepest + 0.3, next),
        Math.max(0.7, radius),
        region.keep,
      );
    }
    times.push(performance.now() - started);
    strokes++;
    const is = iou(mask, entry.truth);
    if (is <= now) {
      mask.data.set(before);
      undone++;
      failed++;
    } else {
      now = is;
      failed = 0;
    }
  }
  return { strokes: now >= goal ? strokes : AT_MOST, iou: now, times, undone };
}

function paint(mask: Plane, points: Point[], radius: number, keep: boolean): void {
  const area = { left: 0, top: 0, right: mask.width, bottom: mask.height };
  const coverage = new Uint8ClampedArray(mask.data.length);
  points.forEach((p, i) => strokeLine(coverage, area, points[Math.max(0, i - 1)], p, radius, 0.8));
  for (let i = 0; i < coverage.length; i++)
    if (coverage[i]) mask.data[i] += (((keep ? 255 : 0) - mask.data[i]) * coverage[i]) / 255;
}

function smart(mask: Plane, entry: Case, points: Point[], reach: number, keep: boolean): void {
  const margin = reach * 1.5 + 2;
  const xs = points.map((p) => p.x),
    ys = points.map((p) => p.y);
  const left = Math.max(0, Math.floor(Math.min(...xs) - margin)),
    right = Math.min(mask.width, Math.ceil(Math.max(...xs) + margin));
  const top = Math.max(0, Math.floor(Math.min(...ys) - margin)),
    bottom = Math.min(mask.height, Math.ceil(Math.max(...ys) + margin));
  const width = right - left,
    height = bottom - top;
  const rgba = new Uint8ClampedArray(4 * width * height),
    alpha = new Uint8ClampedArray(width * height);
  for (let y = 0; y < height; y++) {
    const at = (y + top) * mask.width + left;
    rgba.set(entry.rgba.subarray(4 * at, 4 * (at + width)), 4 * y * width);
    alpha.set(mask.data.subarray(at, at + width), y * width);
  }
  const out = smartStroke({
    width,
    height,
    rgba,
    alpha,
    points: points.map((p) => ({ x: p.x - left, y: p.y - top })),
    reach,
    keep,
  });
  for (let y = 0; y < height; y++)
    mask.data.set(out.subarray(y * width, (y + 1) * width), (y + top) * mask.width + left);
}
