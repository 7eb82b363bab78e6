/** A lineage made readable: columns from what people did to what came of it. */
import type { Lineage, LineageNode, NodeKind } from "../api/types";

export interface Column {
  kind: NodeKind;
  title: string;
  nodes: LineageNode[];
  /** Nodes of this kind that are not told. */
  more: number;
}

const COLUMNS: [NodeKind, string][] = [
  ["sticker", "Stickers"],
  ["weights", "Weights"],
  ["run", "Runs"],
  ["dataset", "Datasets"],
  ["correction", "Corrections"],
  ["photo", "Photos"],
  ["reviewer", "Reviewers"],
];

/** The columns that hold something, each kind's newest first. */
export function columns({ nodes, left_off }: Lineage): Column[] {
  return COLUMNS.map(([kind, title]) => ({
    kind,
    title,
    nodes: nodes.filter((node) => node.kind === kind).sort((a, b) => b.at.localeCompare(a.at)),
    more: left_off[kind] ?? 0,
  })).filter(({ nodes, more }) => nodes.length || more);
}

/** Everything that one node was made of or that was made of it, by "kind id"; the node itself, too. */
export function kin({ edges }: Lineage, of: Pick<LineageNode, "kind" | "id">): Set<string> {
  const found = new Set([keyOf(of)]);
  for (const [from, to] of [["start", "end"] as const, ["end", "start"] as const]) {
    const waiting = [keyOf(of)];
    const seen = new Set(waiting);
    for (let here = waiting.pop(); here !== undefined; here = waiting.pop()) {
      for (const edge of edges) {
        const other = keyOf(edge[to]);
        if (keyOf(edge[from]) !== here || seen.has(other)) continue;
        seen.add(other);
        found.add(other);
        waiting.push(other);
      }
    }
  }
  return found;
}

export const keyOf = ({ kind, id }: Pick<LineageNode, "kind" | "id">) => `${kind} ${id}`;

/** What the neighbours of a node are to it, in words: "made by run 1", … */
export function relations({ edges, nodes }: Lineage, of: Pick<LineageNode, "kind" | "id">): string[] {
  const labels = new Map(nodes.map((node) => [keyOf(node), `${node.kind} ${nameOf(node)}`]));
  return edges
    .filter(({ start }) => keyOf(start) === keyOf(of))
    .map(({ end, word }) => `${word} ${labels.get(keyOf(end)) ?? end.kind}`);
}

/** What a node is called: short enough to stand in a column. */
export function nameOf({ kind, id, label }: Pick<LineageNode, "kind" | "id" | "label">): string {
  if (kind === "dataset") return id;
  if (kind === "reviewer") return label;
  return id.slice(0, 8);
}
