import { describe, expect, it } from "vitest";
import { brushProfile, lineRect, stampDisc, strokeLine } from "../../src/editor/tools/brush";
import { blend, createPlane, resample } from "../../src/editor/tools/kernels";

const area = { left: 0, top: 0, right: 20, bottom: 20 };
const coverage = () => new Uint8ClampedArray(400);

describe("brushProfile", () => {
  it("is whole inside, nothing outside, and falls in between", () => {
    expect(brushProfile(0, 10, 0.5)).toBe(1);
    expect(brushProfile(5, 10, 0.5)).toBe(1);
    expect(brushProfile(7.5, 10, 0.5)).toBeCloseTo(0.5);
    expect(brushProfile(10, 10, 0.5)).toBe(0);
  });

  it("keeps a brush of one pixel to one pixel", () => {
    expect(brushProfile(0, 0.5, 0.8)).toBe(1);
    expect(brushProfile(1, 0.5, 0.8)).toBe(0);
  });
});

describe("stampDisc", () => {
  it("covers a disc and nothing else", () => {
    const bytes = coverage();
    stampDisc(bytes, area, { x: 10, y: 10 }, 4, 1);
    expect(bytes[10 * 20 + 10]).toBe(255);
    expect(bytes[10 * 20 + 12]).toBe(255);
    expect(bytes[10 * 20 + 15]).toBe(0);
    expect(bytes[0]).toBe(0);
  });

  it("is symmetrical", () => {
    const bytes = coverage();
    stampDisc(bytes, area, { x: 10, y: 10 }, 6, 0.5);
    for (let i = 0; i < 400; i++) expect(bytes[i]).toBe(bytes[399 - i]);
  });

  it("changes nothing when the brush is off the photo", () => {
    const bytes = coverage();
    stampDisc(bytes, area, { x: -50, y: 10 }, 6, 0.5);
    expect(bytes.every((value) => value === 0)).toBe(true);
  });
});

describe("strokeLine", () => {
  it("is the same however many points the stroke came in", () => {
    const once = coverage();
    strokeLine(once, area, { x: 2, y: 10 }, { x: 18, y: 10 }, 3, 0.5);
    const often = coverage();
    for (let x = 2; x < 18; x++) strokeLine(often, area, { x, y: 10 }, { x: x + 1, y: 10 }, 3, 0.5);
    expect([...often]).toEqual([...once]);
  });

  it("leaves no gap between two distant points", () => {
    const bytes = coverage();
    strokeLine(bytes, area, { x: 1, y: 1 }, { x: 19, y: 19 }, 2, 1);
    for (let i = 1; i < 19; i++) expect(bytes[i * 20 + i]).toBe(255);
  });

  it("stays inside the rectangle it announces", () => {
    const bytes = coverage();
    const rect = lineRect({ x: 5, y: 6 }, { x: 12, y: 9 }, 2);
    strokeLine(bytes, area, { x: 5, y: 6 }, { x: 12, y: 9 }, 2, 0.5);
    bytes.forEach((value, i) => {
      const [x, y] = [i % 20, Math.floor(i / 20)];
      if (x < rect.left || x >= rect.right || y < rect.top || y >= rect.bottom) expect(value).toBe(0);
    });
  });
});

it("blends towards the target by coverage", () => {
  expect(blend(0, 255, 255)).toBe(255);
  expect(blend(200, 0, 255)).toBe(0);
  expect(blend(100, 255, 0)).toBe(100);
  expect(blend(0, 255, 128)).toBe(128);
});

describe("resample", () => {
  it("averages when it shrinks", () => {
    const plane = createPlane(2, 2);
    plane.data.set([0, 255, 255, 0]);
    expect([...resample(plane, 1, 1).data]).toEqual([128]);
  });

  it("repeats pixels when it grows", () => {
    const plane = createPlane(2, 1);
    plane.data.set([7, 9]);
    expect([...resample(plane, 4, 1).data]).toEqual([7, 7, 9, 9]);
  });

  it("uses every row and column when sizes do not divide", () => {
    const plane = createPlane(5, 5, 200);
    expect(resample(plane, 3, 3).data.every((value) => value === 200)).toBe(true);
  });
});
