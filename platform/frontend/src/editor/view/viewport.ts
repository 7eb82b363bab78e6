import type { Point, Rect } from "../tools/kernels";

/** Screen = photo × scale + (x, y). Screen units are CSS pixels of the canvas. */
export interface Viewport {
  scale: number;
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

export const MAX_SCALE = 32;

export function fit(photo: Size, screen: Size, margin = 16): Viewport {
  const room = { width: Math.max(1, screen.width - 2 * margin), height: Math.max(1, screen.height - 2 * margin) };
  const scale = Math.min(room.width / photo.width, room.height / photo.height, 4);
  return { scale, x: (screen.width - photo.width * scale) / 2, y: (screen.height - photo.height * scale) / 2 };
}

export function toPhoto(view: Viewport, point: Point): Point {
  return { x: (point.x - view.x) / view.scale, y: (point.y - view.y) / view.scale };
}

export function toScreen(view: Viewport, point: Point): Point {
  return { x: point.x * view.scale + view.x, y: point.y * view.scale + view.y };
}

export function rectToScreen(view: Viewport, rect: Rect): Rect {
  const from = toScreen(view, { x: rect.left, y: rect.top });
  const to = toScreen(view, { x: rect.right, y: rect.bottom });
  return { left: from.x, top: from.y, right: to.x, bottom: to.y };
}

/** Zooms so that the photo's point under `centre` stays under it. */
export function zoomAt(view: Viewport, factor: number, centre: Point, smallest: number): Viewport {
  const scale = Math.min(MAX_SCALE, Math.max(smallest, view.scale * factor));
  const point = toPhoto(view, centre);
  return { scale, x: centre.x - point.x * scale, y: centre.y - point.y * scale };
}

export function pan(view: Viewport, dx: number, dy: number): Viewport {
  return { ...view, x: view.x + dx, y: view.y + dy };
}

/** Two fingers: where they were, where they are. */
export function pinch(view: Viewport, from: [Point, Point], to: [Point, Point], smallest: number): Viewport {
  const middle = ([a, b]: [Point, Point]): Point => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
  const spread = ([a, b]: [Point, Point]): number => Math.max(1, Math.hypot(a.x - b.x, a.y - b.y));
  const zoomed = zoomAt(view, spread(to) / spread(from), middle(from), smallest);
  return pan(zoomed, middle(to).x - middle(from).x, middle(to).y - middle(from).y);
}

/** Keeps a part of the photo in sight, however far one pans. */
export function keepInSight(view: Viewport, photo: Size, screen: Size, part = 48): Viewport {
  const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);
  return {
    scale: view.scale,
    x: clamp(view.x, part - photo.width * view.scale, screen.width - part),
    y: clamp(view.y, part - photo.height * view.scale, screen.height - part),
  };
}
