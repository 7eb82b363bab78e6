export type Command =
  | "brush"
  | "eraser"
  | "smaller"
  | "larger"
  | "undo"
  | "redo"
  | "zoomIn"
  | "zoomOut"
  | "fit"
  | "view"
  | "save"
  | "close"
  | "help";

/** What `?` shows. */
export const KEYS: [keys: string, meaning: string][] = [
  ["B", "Brush: paint back what is missing"],
  ["E", "Eraser: remove what should go"],
  ["[ and ]", "Smaller or larger brush"],
  ["Arrow keys", "Move the brush; with Shift, by one pixel"],
  ["Enter", "Paint a dab"],
  ["Space + arrow keys", "Paint a line"],
  ["Space + drag", "Move the photo"],
  ["+ and −", "Zoom in or out"],
  ["0", "Fit the photo to the screen"],
  ["V", "Switch between mask and sticker"],
  ["Ctrl Z", "Undo"],
  ["Ctrl Shift Z", "Redo"],
  ["Ctrl S", "Save"],
  ["Esc", "Cancel"],
  ["?", "This list"],
];

export type Keys = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">;

const PLAIN: Record<string, Command> = {
  b: "brush",
  e: "eraser",
  "[": "smaller",
  "]": "larger",
  "+": "zoomIn",
  "=": "zoomIn",
  "-": "zoomOut",
  "0": "fit",
  v: "view",
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
