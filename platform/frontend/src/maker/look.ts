import type { Style } from "../api/types";

/** The look of a sticker that nobody has styled; the server's own (`stickers/style.py`). */
export const USUAL: Readonly<Style> = {
  version: 1,
  outline: 8,
  colour: "#ffffff",
  shadow: 0,
  shape: "none",
  rotate: 0,
  flip: false,
  scale: 1,
  x: 0,
  y: 0,
  background: "none",
};

export const SHAPES: readonly Style["shape"][] = ["none", "rounded", "circle", "stamp"];

/** Least and most of each number, as the server takes them. */
export const BOUNDS = {
  outline: [0, 32],
  shadow: [0, 32],
  rotate: [-180, 180],
  scale: [0.2, 1],
  x: [-1, 1],
  y: [-1, 1],
} as const;

export function sameLook(a: Style, b: Style): boolean {
  return (Object.keys(USUAL) as (keyof Style)[]).every((name) => a[name] === b[name]);
}

/** A kept look as far as it is one: what is out of bounds, or unknown, is as usual. */
export function lookOf(kept: unknown): Style {
  const given = (typeof kept === "object" && kept ? kept : {}) as Partial<Record<keyof Style, unknown>>;
  const look = { ...USUAL };
  for (const [name, [least, most]] of Object.entries(BOUNDS) as [keyof typeof BOUNDS, readonly [number, number]][]) {
    const value = given[name];
    if (typeof value === "number" && value >= least && value <= most) look[name] = value;
  }
  if (typeof given.colour === "string" && /^#[0-9a-f]{6}$/.test(given.colour)) look.colour = given.colour;
  if (SHAPES.includes(given.shape as Style["shape"])) look.shape = given.shape as Style["shape"];
  look.flip = given.flip === true;
  return look;
}
