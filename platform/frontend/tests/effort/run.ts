/**
 * Runs the scripted person over exported cuts: `node effort.mjs FOLDER [--seed N] [--tools brush,edge,smart]
 * [--half tune|report]`. Weights and habits are tuned on the one half of the pictures; the other is what counts.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { correct, TOOLS, type Case, type Tool } from "./correct";

const [folder, ...rest] = process.argv.slice(2);
const option = (name: string, otherwise: string) => {
  const at = rest.indexOf(`--${name}`);
  return at < 0 ? otherwise : rest[at + 1];
};

const seed = Number(option("seed", "7"));
const goal = Number(option("goal", "0.95"));
const every = Number(option("every", "1"));
const tools = option("tools", TOOLS.join(",")).split(",") as Tool[];
const half = option("half", "");
/** By a hash of its name (FNV-1a), so that a picture never changes sides. */
const halfOf = (name: string) => {
  let hash = 2166136261;
  for (const letter of name) hash = Math.imul(hash ^ letter.charCodeAt(0), 16777619);
  return (hash >>> 8) % 2 ? "report" : "tune";
};
const cases = (JSON.parse(readFileSync(join(folder, "cases.json"), "utf8")) as Omit<Case, "rgba" | "alpha" | "truth">[])
  .filter(({ name }) => !half || halfOf(name) === half)
  .filter((entry, i) => i % every === 0 && (!option("only", "") || option("only", "") === entry.name))
  .map((entry): Case => {
    const bytes = (kind: string) => new Uint8Array(readFileSync(join(folder, `${entry.name}.${kind}`)));
    const rgb = bytes("rgb");
    const rgba = new Uint8ClampedArray(entry.width * entry.height * 4);
    for (let i = 0; i < entry.width * entry.height; i++) {
      rgba.set(rgb.subarray(3 * i, 3 * i + 3), 4 * i);
      rgba[4 * i + 3] = 255;
    }
    return { ...entry, rgba, alpha: new Uint8ClampedArray(bytes("alpha")), truth: bytes("truth") };
  });

const quantile = (values: number[], q: number) =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * q)];
const rows = tools.map((tool) => {
  const results = cases.map((entry) => {
    if (option("verbose", "")) console.error(tool, entry.name);
    return correct(entry, tool, goal, seed);
  });
  const strokes = results.map((result) => result.strokes);
  const times = results.flatMap((result) => result.times);
  if (option("details", "")) {
    writeFileSync(
      option("details", "") + tool + ".json",
      JSON.stringify(cases.map((c, i) => [c.name, c.iou, strokes[i], results[i].iou])),
    );
  }
  return {
    tool,
    median: quantile(strokes, 0.5),
    quartiles: `${quantile(strokes, 0.25)}–${quantile(strokes, 0.75)}`,
    mean: strokes.reduce((a, b) => a + b, 0) / strokes.length,
    reached: results.filter((result) => result.iou >= goal).length,
    undone: results.reduce((sum, result) => sum + result.undone, 0),
    p95: quantile(times, 0.95),
  };
});

console.log(`\n${cases.length} cuts${half && ` of the half to ${half}`}, to IoU ${goal}, seed ${seed}\n`);
console.log("| with | strokes, median | quartiles | mean | reached | undone | ms a stroke, p95 |");
console.log("|---|---|---|---|---|---|---|");
for (const row of rows) {
  const cells = [
    row.tool,
    row.median,
    row.quartiles,
    row.mean.toFixed(1),
    `${row.reached}/${cases.length}`,
    row.undone,
  ];
  console.log(`| ${cells.join(" | ")} | ${row.p95.toFixed(0)} |`);
}
