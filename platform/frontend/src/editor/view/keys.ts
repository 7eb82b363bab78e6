export type Command =
  | "brush"
  | "eraser"
  | "edge"
  | "smart"
  | "hair"
  | "lasso"
  | "polygon"
  | "fill"
  | "refine"
  | "swap"
  | "smaller"
  | "larger"
  | "softer"
  | "harder"
  | "lighter"
  | "stronger"
  | "undo"
  | "redo"
  | "zoomIn"
  | "zoomOut"
  | "fit"
  | "view"
  | "mask"
  | "before"
  | "tint"
  | "save"
  | "close"
  | "help";

/** What `?` shows. */
export const KEYS: [keys: string, meaning: string][] = [
  ["B", "Brush: paint back what is missing"],
  ["E", "Eraser: remove what should go"],
  ["A", "Edge brush: stops at the picture’s edges"],
  ["S", "Smart stroke: a scribble cuts its surroundings anew"],
  ["H", "Hair brush: finds hair and fur where it paints"],
  ["L", "Lasso"],
  ["P", "Polygon"],
  ["F", "Fill by colour"],
  ["R", "Refine: grow, shrink, feather, smooth"],
  ["X", "Switch between restoring and erasing"],
  ["[ and ]", "Smaller or larger brush"],
  ["{ and }", "Softer or harder brush"],
  [", and .", "Less or more opacity"],
  ["Arrow keys", "Move the brush; with Shift, by one pixel"],
  ["Enter", "Paint a dab, set a corner, fill"],
  ["Shift Enter", "Close the polygon"],
  ["Space + arrow keys", "Draw a line"],
  ["Space + drag", "Move the photo"],
  ["+ and −", "Zoom in or out"],
  ["0", "Fit the photo to the screen"],
  ["V", "Switch between mask and sticker"],
  ["M", "The mask alone"],
  ["C", "Before and after"],
  ["T", "Another colour for what is cut away"],
  ["Ctrl Z", "Undo"],
  ["Ctrl Shift Z", "Redo"],
  ["Ctrl S", "Save"],
  ["Esc", "Take back what is under way; then cancel"],
  ["?", "This list"],
];

export type Keys = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">;

const PLAIN: Record<string, Command> = {
  b: "brush",
  e: "eraser",
  a: "edge",
  s: "smart",
  h: "hair",
  l: "lasso",
  p: "polygon",
  f: "fill",
  r: "refine",
  x: "swap",
  "[": "smaller",
  "]": "larger",
  "{": "softer",
  "}": "harder",
  ",": "lighter",
  ".": "stronger",
  "+": "zoomIn",
  "=": "zoomIn",
  "-": "zoomOut",
  "0": "fit",
  v: "view",
  m: "mask",
  c: "before",
  t: "tint",
  escape: "close",
  "?": "help",
};

export function commandOf(event: Keys): Command | null {
  if (event.altKey) return null;
  const key = event.key.toLowerCase();
  if (!event.ctrlKey && !event.metaKey) return PLAIN[key] ?? null;
  if (key === "z") return event.shiftKey ? "redo" : "undo";
  if (key === "y") return "redo";
  if (key === "s") return "save";
  return null;
}
