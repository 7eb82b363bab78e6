/** Takes one cut to the goal with one of the editor's own tools. */
import { History } from "../../src/editor/history";
import { perform } from "../../src/editor/jobs";
import type { Plane, Point, Rect } from "../../src/editor/tools/kernels";
import { BrushTool, EdgeTool } from "../../src/editor/tools/painting";
import { PixelPhoto } from "../../src/editor/photo";
import { writeRegion } from "../../src/editor/tools/region";
import { DEFAULTS, type Settings } from "../../src/editor/settings";
import type { StrokeNote } from "../../src/editor/stroke";
import { smartTask } from "../../src/editor/tasks";
import { byHand, iou, largestError, middleLine, random, spread, type Random, type Region } from "./person";

export type Tool = "brush" | "edge" | "smart";
export const TOOLS: Tool[] = ["brush", "edge", "smart"];

/** More strokes than this nobody makes. */
const PATIENCE = 60;
/** How the person uses each tool; lengths in parts of the error's depth, tremble also by some tenths of a pixel. */
export const HABITS = {
  brush: { radius: 0.8, middle: 0.55, tremble: 0.12 },
  edge: { radius: 1.2, middle: 0.5, tremble: 0.12 },
  smart: { reach: 1.5, share: 1, middle: 0.2, tremble: 0.12 },
};

export interface Case {
  name: string;
  width: number;
  height: number;
  iou: number;
  rgba: Uint8ClampedArray;
  alpha: Uint8ClampedArray;
  truth: Uint8Array;
}

export interface Result {
  /** Those taken back count as well. */
  strokes: number;
  undone: number;
  iou: number;
  /** Milliseconds each stroke took to compute. */
  times: number[];
}

/** The editor without a screen: one photo pixel is one screen pixel. */
class Desk {
  settings: Settings = DEFAULTS;
  readonly plane: Plane;
  readonly photo: PixelPhoto;
  readonly history: History<StrokeNote>;

  constructor(entry: Case) {
    this.plane = { width: entry.width, height: entry.height, data: entry.alpha.slice() };
    this.photo = new PixelPhoto(entry.width, entry.height, entry.rgba);
    this.history = new History(this.plane);
  }

  get diameter(): number {
    return this.settings.size;
  }

  painted(_: Rect): void {}

  stroke(tool: Tool, keep: boolean, size: number, points: Point[]): void {
    this.settings = { ...DEFAULTS, tool: tool === "brush" && !keep ? "eraser" : tool, keep, size };
    if (tool === "smart") return this.scribble(points);
    const brush = tool === "edge" ? new EdgeTool(this) : new BrushTool(this);
    brush.begin(points[0]);
    for (const point of points.slice(1)) brush.move(point);
    brush.complete();
  }

  private scribble(points: Point[]): void {
    const task = smartTask(this, points, "");
    if (!task) return;
    const tiles = writeRegion(this.plane, task.region, perform(task.job));
    if (tiles.size) this.history.commit({ tiles, note: task.note });
  }
}

/**
 * Largest error first, until the goal is reached. A stroke that made things worse is undone, as a person would, and
 * counts; after an undone scribble or edge stroke the person takes the plain brush for that place.
 */
export function correct(entry: Case, tool: Tool, goal: number, seed: number): Result {
  const next = random(seed + Number(entry.name));
  const desk = new Desk(entry);
  const result: Result = { strokes: 0, undone: 0, iou: iou(desk.plane, entry.truth), times: [] };
  let failed = false;
  while (result.iou < goal && result.strokes < PATIENCE) {
    const region = largestError(desk.plane, entry.truth);
    if (!region) break;
    const hand = failed ? "brush" : tool;
    const { points, size } = aim(hand, region, desk.plane, next);
    const started = performance.now();
    desk.stroke(hand, region.keep, size, points);
    result.times.push(performance.now() - started);
    result.strokes++;
    const reached = iou(desk.plane, entry.truth);
    failed = reached <= result.iou;
    if (failed) {
      desk.history.undo();
      result.undone++;
    } else result.iou = reached;
  }
  if (result.iou < goal) result.strokes = PATIENCE;
  return result;
}

/** Where the person draws, and with a brush of what diameter: everything a little off. */
function aim(tool: Tool, region: Region, plane: Plane, next: Random): { points: Point[]; size: number } {
  const deepest = region.depth[region.peak];
  const guess = 0.9 + 0.2 * next();
  if (tool === "smart") {
    const { reach, share, middle, tremble } = HABITS.smart;
    const line = middleLine(region, plane, deepest * middle);
    const skip = Math.floor((line.length * (1 - share)) / 2);
    const points = byHand(line.slice(skip, line.length - skip), Math.max(3, deepest), tremble * deepest + 0.5, next);
    // The circle is set to take in what is wrong.
    const breadth = spread(region, points, plane.width, 0.95) * reach * guess;
    return { points, size: 2 * Math.min(120, Math.max(6, breadth)) };
  }
  const { radius, middle, tremble } = HABITS[tool];
  const line = middleLine(region, plane, deepest * middle);
  const breadth = radius * deepest * guess;
  return {
    points: byHand(line, Math.max(2, breadth / 2), tremble * deepest + 0.3, next),
    size: 2 * Math.max(0.7, breadth),
  };
}
