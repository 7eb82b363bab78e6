import type { Tint } from "../editor/view/compositing";
import type { Editor } from "../editor/editor";
import type { Command } from "../editor/view/keys";
import type { Settings, ToolName } from "../editor/settings";

const ZOOM = 1.25;
const TINTS: Tint[] = ["pink", "green", "blue", "black"];

export const TOOL_NAMES: Record<ToolName, string> = {
  brush: "Brush",
  eraser: "Eraser",
  edge: "Edge brush",
  smart: "Smart stroke",
  hair: "Hair brush",
  lasso: "Lasso",
  polygon: "Polygon",
  fill: "Fill by colour",
};

/** What a tool's name does not say. */
export const TOOL_HINTS: Partial<Record<ToolName, string>> = {
  smart: "Scribble on what is wrong: inside the circle the cut is made anew",
  hair: "Paint over the rim of hair or fur",
  edge: "Paint inside: it stops at the picture’s edges",
  lasso: "Draw around it",
  polygon: "Corner by corner; the first one closes",
  fill: "Choose a colour in the photo",
};

const STEPS: Partial<
  Record<Command, [name: "size" | "hardness" | "opacity" | "tolerance", by: (value: number) => number]>
> = {
  smaller: ["size", (value) => Math.min(value - 1, value * 0.8)],
  larger: ["size", (value) => Math.max(value + 1, value * 1.25)],
  softer: ["hardness", (value) => value - 0.1],
  harder: ["hardness", (value) => value + 0.1],
  lighter: ["opacity", (value) => value - 0.1],
  stronger: ["opacity", (value) => value + 0.1],
};

/** Does what a key or a button asks of the engine, and answers what a screen reader should say. */
export async function perform(engine: Editor, command: Command): Promise<string> {
  if (command in TOOL_NAMES) {
    engine.set({ tool: command as ToolName });
    return [TOOL_NAMES[engine.settings.tool], TOOL_HINTS[engine.settings.tool]].filter(Boolean).join(". ");
  }
  const step = STEPS[command];
  if (step) {
    const [name, by] = step[0] === "size" && engine.settings.tool === "fill" ? (["tolerance", step[1]] as const) : step;
    engine.set({ [name]: by(engine.settings[name]) });
    return sayOption(engine.settings, name);
  }
  switch (command) {
    case "swap":
      engine.set({ keep: !engine.settings.keep });
      return engine.settings.keep ? "Restoring" : "Erasing";
    case "undo":
      return (await engine.undo()) ? "Undone" : "Nothing to undo";
    case "redo":
      return (await engine.redo()) ? "Redone" : "Nothing to redo";
    case "zoomIn":
    case "zoomOut":
      engine.zoom(command === "zoomIn" ? ZOOM : 1 / ZOOM, engine.cursor ?? undefined);
      return "";
    case "fit":
      engine.fit();
      return "";
    case "view":
    case "mask": {
      const mode = command === "mask" ? "mask" : "sticker";
      engine.setMode(engine.mode === mode ? "overlay" : mode);
      return { overlay: "Mask over the photo", sticker: "Sticker", mask: "Mask alone" }[engine.mode];
    }
    case "before":
      engine.compare(!engine.comparing);
      return engine.comparing ? "Before" : "After";
    case "tint":
      engine.setTint(TINTS[(TINTS.indexOf(engine.tint) + 1) % TINTS.length]);
      return `What is cut away is ${engine.tint}`;
    default:
      return "";
  }
}

export function sayOption(settings: Settings, name: "size" | "hardness" | "opacity" | "tolerance" | "amount"): string {
  switch (name) {
    case "size":
      return `Brush size ${settings.size} pixels`;
    case "hardness":
      return `Hardness ${Math.round(settings.hardness * 100)} %`;
    case "opacity":
      return `Opacity ${Math.round(settings.opacity * 100)} %`;
    case "tolerance":
      return `Tolerance ${Math.round(settings.tolerance)}`;
    case "amount":
      return `By ${settings.amount} pixels of the photo`;
  }
}
