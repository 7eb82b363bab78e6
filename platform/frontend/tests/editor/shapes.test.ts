import { describe, expect, it } from "vitest";
import { floodFill } from "../../src/editor/tools/flood";
import { createPlane, type Plane } from "../../src/editor/tools/kernels";
import { dilate, refine } from "../../src/editor/tools/morphology";
import { distanceToPath, simplify } from "../../src/editor/tools/paths";
import { fillPolygon } from "../../src/editor/tools/shapes";
import { Snapshot } from "../../src/editor/view/snapshot";

const area = { left: 0, top: 0, right: 20, bottom: 20 };
const square = [
  { x: 4, y: 4 },
  { x: 12, y: 4 },
  { x: 12, y: 12 },
  { x: 4, y: 12 },
];

describe("a filled outline", () => {
  it("covers what lies inside, wholly, and nothing else", () => {
    const coverage = new Uint8ClampedArray(400);
    fillPolygon(coverage, area, square);
    for (let y = 0; y < 20; y++) {
      for (let x = 0; x < 20; x++) expect(coverage[y * 20 + x]).toBe(x >= 4 && x < 12 && y >= 4 && y < 12 ? 255 : 0);
    }
  });

  it("covers pixels on its rim by their share", () => {
    const coverage = new Uint8ClampedArray(400);
    fillPolygon(
      coverage,
      area,
      square.map(({ x, y }) => ({ x: x + 0.5, y })),
    );
    expect(coverage[6 * 20 + 4]).toBe(128);
    expect(coverage[6 * 20 + 8]).toBe(255);
    expect(coverage[6 * 20 + 12]).toBe(128);
  });

  it("covers what it surrounds twice", () => {
    const coverage = new Uint8ClampedArray(400);
    fillPolygon(coverage, area, [...square, ...square]);
    expect(coverage[6 * 20 + 6]).toBe(255);
  });

  it("may reach beyond the photo", () => {
    const coverage = new Uint8ClampedArray(400);
    fillPolygon(coverage, area, [
      { x: -50, y: -50 },
      { x: 100, y: -50 },
      { x: 100, y: 100 },
      { x: -50, y: 100 },
    ]);
    expect(coverage.every((value) => value === 255)).toBe(true);
  });
});

/** A picture of two colours: `right` from column `from` on. */
function halves(width: number, height: number, from: number, left = 40, right = 200): Uint8ClampedArray {
  const rgba = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i++) rgba.fill(i % width < from ? left : right, 4 * i, 4 * i + 3);
  return rgba;
}

describe("filling by colour", () => {
  it("fills what is joined and alike", () => {
    const filled = floodFill(halves(20, 10, 8), 20, 10, { x: 2, y: 5 }, 20);
    for (let i = 0; i < 200; i++) {
      if (i % 20 < 8) expect(filled[i]).toBe(255);
      if (i % 20 > 8) expect(filled[i]).toBe(0);
    }
  });

  it("does not jump over another colour", () => {
    const rgba = halves(20, 10, 20);
    for (let y = 0; y < 10; y++) rgba.fill(250, 4 * (y * 20 + 10), 4 * (y * 20 + 10) + 3);
    const filled = floodFill(rgba, 20, 10, { x: 2, y: 5 }, 20);
    expect(filled[5 * 20 + 9]).toBe(255);
    expect(filled[5 * 20 + 12]).toBe(0);
  });

  it("takes in every colour with the largest tolerance", () => {
    expect(floodFill(halves(20, 10, 8), 20, 10, { x: 2, y: 5 }, 255).every((value) => value === 255)).toBe(true);
  });
});

function disc(size: number, radius: number): Plane {
  const plane = createPlane(size, size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      if (Math.hypot(x + 0.5 - size / 2, y + 0.5 - size / 2) <= radius) plane.data[y * size + x] = 255;
    }
  }
  return plane;
}
const kept = (plane: Plane) => plane.data.reduce((sum, value) => sum + value, 0) / 255;

describe("refinements", () => {
  it("growing by a radius makes a disc larger by it, shrinking smaller", () => {
    const plane = disc(300, 60);
    expect(Math.sqrt(kept(refine(plane, "grow", 5)) / Math.PI)).toBeCloseTo(65, 0);
    expect(Math.sqrt(kept(refine(plane, "shrink", 5)) / Math.PI)).toBeCloseTo(55, 0);
  });

  it("growing by half a pixel lies between none and one", () => {
    const [none, half, one] = [0, 0.5, 1].map((radius) => kept(dilate(disc(60, 20), radius)));
    expect(half).toBeGreaterThan(none);
    expect(half).toBeLessThan(one);
  });

  it("takes the largest value of the disc around each pixel", () => {
    const plane = createPlane(21, 21);
    plane.data[10 * 21 + 10] = 200;
    const grown = dilate(plane, 4);
    expect(grown.data[10 * 21 + 14]).toBe(200);
    expect(grown.data[10 * 21 + 15]).toBe(0);
    expect(grown.data[14 * 21 + 14]).toBe(0); // a corner of the square, not of the disc
    expect(Math.max(...grown.data)).toBe(200);
  });

  it("feathering softens the rim and keeps what is kept in sum", () => {
    const plane = disc(300, 60);
    const soft = refine(plane, "feather", 6);
    expect(kept(soft) / kept(plane)).toBeCloseTo(1, 2);
    const rim = soft.data[150 * 300 + 210];
    expect(rim).toBeGreaterThan(60);
    expect(rim).toBeLessThan(195);
    expect(soft.data[150 * 300 + 150]).toBe(255);
  });

  it("smoothing removes a speck and leaves a disc as it is", () => {
    const plane = disc(300, 60);
    plane.data[20 * 300 + 20] = 255;
    const smooth = refine(plane, "smooth", 4);
    expect(smooth.data[20 * 300 + 20]).toBe(0);
    expect(Math.sqrt(kept(smooth) / Math.PI)).toBeCloseTo(60, 0);
  });

  it("does the same at the seams of tiles as within them", () => {
    const plane = disc(300, 90);
    for (const how of ["grow", "feather", "smooth"] as const) {
      const whole = refine(plane, how, 3).data;
      const mirrored = whole.slice().reverse(); // the disc is symmetrical, the tiles are not
      let differ = 0;
      whole.forEach((value, i) => (differ += Math.abs(value - mirrored[i]) > 1 ? 1 : 0));
      expect(differ).toBe(0);
    }
  });
});

describe("paths", () => {
  it("measure how far a pixel lies", () => {
    const away = distanceToPath(20, 20, [
      { x: 5, y: 10 },
      { x: 15, y: 10 },
    ]);
    expect(away[4 * 20 + 9]).toBeCloseTo(5.5);
    expect(away[9 * 20 + 19]).toBeCloseTo(Math.hypot(4.5, 0.5));
  });

  it("lose the points that say nothing", () => {
    const line = Array.from({ length: 50 }, (_, x) => ({ x, y: x < 25 ? 0 : x - 25 }));
    expect(simplify(line, 0.5)).toEqual([
      { x: 0, y: 0 },
      { x: 25, y: 0 },
      { x: 49, y: 24 },
    ]);
  });
});

it("a mask set aside comes back byte for byte", () => {
  const plane = disc(300, 60);
  plane.data[299 * 300 + 299] = 7;
  const snapshot = new Snapshot(plane);
  const before = plane.data.slice();
  plane.data.fill(9);
  expect(Buffer.from(snapshot.plane().data).equals(Buffer.from(before))).toBe(true);
});
