/** From what a person drew to what is to be computed. Sizes are in photo pixels. */
import type { Job } from "./jobs";
import type { Plane, Point, Rect } from "./tools/kernels";
import type { Refinement } from "./tools/morphology";
import { round, rounded } from "./tools/painting";
import { simplify } from "./tools/paths";
import type { Photo } from "./photo";
import { cropped, readRegion, toRegion, type Region } from "./tools/region";
import type { Settings } from "./settings";
import { boundsOf } from "./tools/shapes";
import type { Task } from "./work";

/** Longest side of the small picture that each job works on. */
const SMART = 512;
const HAIR = 320;
const FILL = 1448;

export interface Scene {
  readonly plane: Plane;
  readonly photo: Photo;
  readonly settings: Settings;
  readonly diameter: number;
}

export function smartTask({ plane, photo, settings, diameter }: Scene, points: Point[], at: string): Task | null {
  const reach = diameter / 2;
  const region = readRegion(photo, plane, around(points, reach * 1.5 + 2), SMART);
  if (!region) return null;
  const scale = scaleOf(region);
  const line = simplify(points, Math.max(1, reach * 0.05));
  const job: Job = {
    kind: "smart",
    ...pictureOf(region),
    points: line.map((point) => toRegion(region, point)),
    reach: reach * scale,
    keep: settings.keep,
  };
  const note = { tool: "smart", keep: settings.keep, size: round(diameter), points: rounded(line), at };
  return { job, region, note };
}

export function hairTask({ plane, photo, diameter }: Scene, points: Point[], at: string): Task | null {
  const radius = diameter / 2;
  const region = readRegion(photo, plane, around(points, radius + Math.max(8, radius * 0.5)), HAIR);
  if (!region) return null;
  const line = simplify(points, Math.max(0.5, radius * 0.05));
  const job: Job = {
    kind: "hair",
    ...pictureOf(region),
    points: line.map((point) => toRegion(region, point)),
    radius: radius * scaleOf(region),
  };
  return { job, region, note: { tool: "hair", size: round(diameter), points: rounded(line), at } };
}

export function fillTask({ plane, photo, settings }: Scene, point: Point, at: string): Task | null {
  const { keep, tolerance, opacity } = settings;
  const region = readRegion(photo, plane, whole(plane), FILL);
  if (!region) return null;
  const job: Job = { kind: "fill", ...pictureOf(region), at: toRegion(region, point), tolerance, opacity, keep };
  return { job, region, note: { tool: "fill", keep, tolerance, opacity, points: rounded([point]), at } };
}

/** The whole mask, or what lies inside the outline. */
export function refineTask(plane: Plane, how: Refinement, radius: number, outline: readonly Point[] | null): Task {
  const rect = outline ? padded(boundsOf(outline), 2 * radius + 2, plane) : whole(plane);
  const part = cropped(plane, rect);
  const region = { rect, width: part.width, height: part.height, alpha: part.data.slice() };
  const selection = outline ? { selection: rounded(outline) } : {};
  return {
    job: { kind: "refine", how, radius, plane: part },
    region,
    outline,
    note: { tool: how, amount: radius, ...selection, at: new Date().toISOString() },
  };
}

function pictureOf({ width, height, rgba, alpha }: Region) {
  // The worker gets a copy of the mask; the region's own says later what has changed.
  return { width, height, rgba, alpha: alpha.slice() };
}

function scaleOf({ rect, width }: Region): number {
  return width / (rect.right - rect.left);
}

function whole(plane: Plane): Rect {
  return { left: 0, top: 0, right: plane.width, bottom: plane.height };
}

function around(points: readonly Point[], margin: number): Rect {
  const { left, top, right, bottom } = boundsOf(points);
  return {
    left: Math.floor(left - margin),
    top: Math.floor(top - margin),
    right: Math.ceil(right + margin),
    bottom: Math.ceil(bottom + margin),
  };
}

function padded({ left, top, right, bottom }: Rect, margin: number, plane: Plane): Rect {
  return {
    left: Math.max(0, Math.floor(left - margin)),
    top: Math.max(0, Math.floor(top - margin)),
    right: Math.min(plane.width, Math.ceil(right + margin)),
    bottom: Math.min(plane.height, Math.ceil(bottom + margin)),
  };
}
