/** Numbers, dates and names as people read them. */

export function shortSha(sha: string, length = 8): string {
  return sha.slice(0, length);
}

export function fileSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1e6 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** A figure between 0 and 1, or anything else a card may hold. */
export function figure(value: number | string | null | undefined): string {
  if (typeof value === "number")
    return Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) < 10 ? 3 : 1);
  return value == null ? "–" : String(value);
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

export function dateTime(iso: string | null): string {
  if (!iso) return "–";
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(new Date(iso));
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return pair(minutes, "min", Math.floor(seconds % 60), "s");
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? pair(hours, "h", minutes % 60, "min") : pair(Math.floor(hours / 24), "days", hours % 24, "h");
}

const pair = (large: number, unit: string, small: number, part: string) =>
  `${large} ${unit}${small ? ` ${small} ${part}` : ""}`;

const METRICS: Record<string, string> = {
  mean_iou: "Mean IoU",
  mean_boundary_f: "Boundary F",
  mae: "Mean absolute error",
  max_f_beta: "Max F-beta",
  pictures: "Photos measured",
  latency_ms: "Milliseconds a photo",
};

export function metricName(name: string): string {
  return METRICS[name] ?? name.replaceAll("_", " ");
}
