export type ToolName = "brush" | "eraser" | "edge" | "smart" | "hair" | "lasso" | "polygon" | "fill";

type Kind = "paint" | "smart" | "hair";

export const MIN_SIZE = 4;
export const MAX_SIZE = 160;

/** What a person has set. Sizes are CSS pixels on the screen: zoom in to paint finer. */
export interface Settings {
  tool: ToolName;
  /** For every tool but brush and eraser, which say it themselves: true brings back, false takes away. */
  keep: boolean;
  /** Lasso and polygon mark where refinements apply, instead of painting. */
  select: boolean;
  /** The brush's diameter. */
  size: number;
  /** What it was when tools of another kind were last in hand: each kind has a size of its own. */
  sizes: Record<Kind, number>;
  /** The share of the radius that paints at full strength, 0..1; the rest fades out, so that edges stay soft. */
  hardness: number;
  /** 0..1 */
  opacity: number;
  /** How far a colour may differ to be filled, 0..255. */
  tolerance: number;
  /** By how many of the photo's pixels a refinement grows, shrinks, feathers or smooths. */
  amount: number;
}

export const DEFAULTS: Settings = {
  tool: "brush",
  keep: true,
  select: false,
  size: 36,
  sizes: { paint: 36, smart: 96, hair: 48 },
  hardness: 0.8,
  opacity: 1,
  tolerance: 24,
  amount: 2,
};

/** Which settings a tool heeds. */
export const HEEDS: Record<ToolName, readonly (keyof Settings)[]> = {
  brush: ["size", "hardness", "opacity"],
  eraser: ["size", "hardness", "opacity"],
  edge: ["keep", "size", "hardness", "opacity"],
  smart: ["keep", "size"],
  hair: ["size"],
  lasso: ["keep", "select", "opacity"],
  polygon: ["keep", "select", "opacity"],
  fill: ["keep", "tolerance", "opacity"],
};

const RANGES: Partial<Record<keyof Settings, [number, number]>> = {
  size: [MIN_SIZE, MAX_SIZE],
  hardness: [0, 1],
  opacity: [0.05, 1],
  tolerance: [0, 128],
  amount: [0.5, 32],
};

/** The settings with some of them changed, each within its range. */
export function changed(settings: Settings, changes: Partial<Settings>): Settings {
  const next = { ...settings, ...changes };
  if (kindOf(next.tool) !== kindOf(settings.tool)) {
    next.sizes = { ...settings.sizes, [kindOf(settings.tool)]: settings.size };
    next.size = changes.size ?? next.sizes[kindOf(next.tool)];
  }
  for (const [name, [least, most]] of Object.entries(RANGES) as ["size", [number, number]][]) {
    next[name] = Math.min(most, Math.max(least, next[name]));
  }
  next.size = Math.round(next.size);
  if (changes.tool === "brush") next.keep = true;
  if (changes.tool === "eraser") next.keep = false;
  if (changes.keep !== undefined) {
    if (next.tool === "brush" || next.tool === "eraser") next.tool = next.keep ? "brush" : "eraser";
    next.select = false;
  }
  return next;
}

function kindOf(tool: ToolName): Kind {
  return tool === "smart" || tool === "hair" ? tool : "paint";
}
