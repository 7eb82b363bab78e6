/** Changes that are made at once, each a step of its own. */
import type { Plane, Point } from "./kernels";
import { changedTiles } from "../merge";
import { rounded, type PaintTarget } from "./painting";
import { boundsOf, fillPolygon } from "./shapes";
import { Stroke } from "../stroke";
import { readTile } from "../view/tiles";

/** Brings back, or takes away, what an outline holds. */
export function fillOutline(target: PaintTarget, points: Point[], at: string): void {
  const { plane, history, settings } = target;
  const { tool, keep, opacity } = settings;
  const stroke = new Stroke(plane, keep ? 255 : 0, opacity);
  const rect = stroke.cover(boundsOf(points), (coverage, area) => fillPolygon(coverage, area, points));
  const tiles = stroke.finish();
  if (!tiles || !rect) return;
  history.commit({ tiles, note: { tool, keep, opacity, points: rounded(points), at } });
  target.painted(rect);
}

/** Puts another mask of the same size in place of the one there is. */
export function replaceMask(target: PaintTarget, other: Plane, tool: string, more: Record<string, unknown>): void {
  const { plane, history } = target;
  const tiles = new Map([...changedTiles(plane, other)].map((index) => [index, readTile(plane, index)]));
  if (!tiles.size) return;
  plane.data.set(other.data);
  history.commit({ tiles, note: { tool, at: new Date().toISOString(), ...more } });
  target.painted({ left: 0, top: 0, right: plane.width, bottom: plane.height });
}
