import { describe, expect, it } from "vitest";
import { ColourLines, boxSum } from "../../src/editor/tools/colourlines";
import { edgeDab, reachable } from "../../src/editor/tools/edgebrush";
import { geodesicDistance } from "../../src/editor/tools/geodesic";
import { DIRECTIONS, minCut } from "../../src/editor/tools/graphcut";
import { hairBrush } from "../../src/editor/tools/hair";
import { perform } from "../../src/editor/jobs";
import { PixelPhoto } from "../../src/editor/photo";
import { smartStroke } from "../../src/editor/tools/smart";

/** Numbers 0..1, the same every time. */
function numbers(seed: number): () => number {
  return () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return (seed >>> 0) / 2 ** 32;
  };
}

describe("the minimum cut", () => {
  it("is the least of all cuts, tried one by one", () => {
    for (let seed = 1; seed < 40; seed++) {
      const next = numbers(seed);
      const [width, height] = [3, 3];
      const nodes = width * height;
      const terminal = Float32Array.from({ length: nodes }, () => Math.round(20 * next() - 10) / 2);
      const capacity = DIRECTIONS.map(() => new Float32Array(nodes));
      for (let d = 0; d < 8; d += 2) {
        const [dx, dy] = DIRECTIONS[d];
        for (let i = 0; i < nodes; i++) {
          const [x, y] = [(i % width) + dx, Math.floor(i / width) + dy];
          if (x < 0 || x >= width || y < 0 || y >= height) continue;
          capacity[d][i] = capacity[d + 1][y * width + x] = Math.round(6 * next()) / 2;
        }
      }
      const [sources, edges] = [terminal.slice(), capacity.map((each) => each.slice())];
      const cost = (side: (node: number) => boolean) => {
        let sum = 0;
        for (let i = 0; i < nodes; i++) {
          sum += side(i) ? Math.max(0, -sources[i]) : Math.max(0, sources[i]);
          DIRECTIONS.forEach(([dx, dy], d) => {
            if (edges[d][i] && side(i) && !side(i + dy * width + dx)) sum += edges[d][i];
          });
        }
        return sum;
      };
      const found = minCut(width, terminal, capacity);
      let least = Infinity;
      for (let cut = 0; cut < 1 << nodes; cut++)
        least = Math.min(
          least,
          cost((i) => Boolean((cut >> i) & 1)),
        );
      expect(cost((i) => found[i] === 1)).toBeCloseTo(least, 4);
    }
  });
});

const [WIDTH, HEIGHT] = [120, 90];

/** A warm disc in the middle of a cool ground, both a little noisy. */
function scene(): { rgba: Uint8ClampedArray; truth: Uint8ClampedArray } {
  const next = numbers(5);
  const rgba = new Uint8ClampedArray(4 * WIDTH * HEIGHT);
  const truth = new Uint8ClampedArray(WIDTH * HEIGHT);
  for (let i = 0; i < truth.length; i++) {
    const inside = Math.hypot((i % WIDTH) + 0.5 - 60, Math.floor(i / WIDTH) + 0.5 - 45) < 30;
    const colour = inside ? [200, 120, 60] : [60, 90, 130];
    rgba.set(
      colour.map((value) => value + 16 * next() - 8),
      4 * i,
    );
    rgba[4 * i + 3] = 255;
    truth[i] = inside ? 255 : 0;
  }
  return { rgba, truth };
}

function wrong(alpha: Uint8ClampedArray, truth: Uint8ClampedArray): number {
  return alpha.reduce((sum, value, i) => sum + (value >= 128 !== truth[i] >= 128 ? 1 : 0), 0);
}

describe("smart stroke", () => {
  const { rgba, truth } = scene();
  const job = { width: WIDTH, height: HEIGHT, rgba, reach: 34 };
  const points = [
    { x: 42, y: 40 },
    { x: 46, y: 52 },
  ];

  it("a scribble of “this” brings back what belongs to it, up to the picture’s edge", () => {
    const alpha = truth.map((value, i) => (i % WIDTH < 55 ? 0 : value)); // the left part is missing
    const fixed = smartStroke({ ...job, alpha, points, keep: true });
    expect(wrong(alpha, truth)).toBeGreaterThan(1000);
    expect(wrong(fixed, truth)).toBeLessThan(60);
  });

  it("a scribble of “not this” takes away what does not belong", () => {
    const alpha = truth.map((value, i) => (i % WIDTH < 30 && i % WIDTH > 8 ? 255 : value)); // a bar too much
    const line = [
      { x: 18, y: 25 },
      { x: 19, y: 65 },
    ];
    const fixed = smartStroke({ ...job, alpha, points: line, keep: false });
    expect(wrong(fixed, truth)).toBeLessThan(wrong(alpha, truth) / 2);
  });

  it("never changes a pixel beyond its reach", () => {
    const next = numbers(9);
    const alpha = truth.map((value) => (next() < 0.2 ? 255 * next() : value)); // noise invites changes everywhere
    for (const reach of [8, 20, 34]) {
      const fixed = smartStroke({ ...job, reach, alpha, points, keep: reach !== 20 });
      for (let i = 0; i < alpha.length; i++) {
        const [x, y] = [(i % WIDTH) + 0.5, Math.floor(i / WIDTH) + 0.5];
        const t = Math.max(0, Math.min(1, ((x - 42) * 4 + (y - 40) * 12) / 160));
        if (Math.hypot(x - 42 - 4 * t, y - 40 - 12 * t) > reach + 1e-4 && fixed[i] !== alpha[i]) {
          expect.fail(`pixel ${x}, ${y} changed at reach ${reach}`);
        }
      }
    }
  });

  it("keeps where it was scribbled “this” and cuts where “not this”, whatever the colours say", () => {
    const alpha = truth.slice();
    const ground = [{ x: 15, y: 45 }];
    expect(smartStroke({ ...job, reach: 12, alpha, points: ground, keep: true })[45 * WIDTH + 15]).toBeGreaterThan(128);
    const middle = [{ x: 60, y: 45 }];
    expect(smartStroke({ ...job, reach: 12, alpha, points: middle, keep: false })[45 * WIDTH + 60]).toBeLessThan(128);
  });

  it("works on a part without any edge or any mask", () => {
    const flat = new Uint8ClampedArray(4 * 9).fill(100);
    const alpha = new Uint8ClampedArray(9);
    const fixed = smartStroke({
      width: 3,
      height: 3,
      rgba: flat,
      alpha,
      points: [{ x: 1, y: 1 }],
      reach: 1,
      keep: true,
    });
    expect(fixed).toHaveLength(9);
  });
});

describe("edge brush", () => {
  const { rgba, truth } = scene();

  it("stops at the picture’s edge", () => {
    const coverage = reachable(rgba, WIDTH, HEIGHT, { x: 60, y: 22 }, 20, 0.8); // the edge runs seven pixels above
    expect(coverage[30 * WIDTH + 60]).toBeGreaterThan(200);
    let outside = 0;
    coverage.forEach((value, i) => (outside += truth[i] ? 0 : value / 255));
    expect(outside).toBeLessThan(15); // of some 500 pixels that the bare brush covers
  });

  it("covers a whole dab where nothing stands in its way", () => {
    const flat = new Uint8ClampedArray(4 * 60 * 60).fill(90);
    const dab = edgeDab(new PixelPhoto(60, 60, flat), { x: 30, y: 30 }, 10, 1)!;
    const covered = dab.coverage.reduce((sum, value) => sum + value / 255, 0);
    expect(covered / (Math.PI * 100)).toBeCloseTo(1, 1);
  });

  it("is nothing off the photo", () => {
    expect(edgeDab(new PixelPhoto(60, 60, rgba), { x: -50, y: 30 }, 10, 1)).toBeNull();
  });
});

it("geodesic distance goes around a wall, not through it", () => {
  const rgba = new Uint8ClampedArray(4 * 11 * 5).fill(0);
  for (let y = 0; y < 4; y++) rgba.fill(255, 4 * (y * 11 + 5), 4 * (y * 11 + 5) + 3); // a wall with a gap below
  const distance = geodesicDistance(rgba, 11, 5, [0], 60000, 1);
  expect(distance[10]).toBeGreaterThan(distance[4 * 11 + 5]);
  expect(distance[10]).toBeLessThan(255 * 10); // cheaper than to break through
});

describe("local colour lines", () => {
  const { rgba, truth } = scene();

  it("sum over windows that end at the border", () => {
    expect([...boxSum(new Float32Array([1, 2, 3, 4, 5, 6]), 3, 2, 1)]).toEqual([12, 21, 16, 12, 21, 16]);
  });

  it("a smoothed mask follows the picture’s edge", () => {
    const lines = new ColourLines(rgba, WIDTH, HEIGHT, 4, 1e-4);
    const blocky = Float32Array.from(truth, (_, i) => {
      const [x, y] = [Math.floor((i % WIDTH) / 6) * 6 + 3, Math.floor(i / WIDTH / 6) * 6 + 3];
      return Math.hypot(x - 60, y - 45) < 30 ? 1 : 0;
    });
    const error = (alpha: Float32Array) =>
      wrong(
        Uint8ClampedArray.from(alpha, (value) => 255 * value),
        truth,
      );
    expect(error(lines.smooth(blocky))).toBeLessThan(error(blocky) / 2);
  });

  it("the Laplacian of a constant is nothing", () => {
    const lines = new ColourLines(rgba, WIDTH, HEIGHT, 1, 1e-5);
    const largest = lines
      .laplacian(new Float32Array(WIDTH * HEIGHT).fill(0.7))
      .reduce((a, b) => Math.max(a, Math.abs(b)));
    expect(largest).toBeLessThan(1e-2);
  });
});

describe("hair brush", () => {
  it("finds thin lines where it paints, and changes nothing elsewhere", () => {
    const [width, height] = [80, 60];
    const rgba = new Uint8ClampedArray(4 * width * height).fill(255);
    const truth = new Uint8ClampedArray(width * height);
    const alpha = new Uint8ClampedArray(width * height);
    for (let i = 0; i < truth.length; i++) {
      const [x, y] = [i % width, Math.floor(i / width)];
      const body = y >= 40;
      const hair = y >= 16 && x % 8 === 4;
      truth[i] = body || hair ? 255 : 0;
      alpha[i] = body ? 255 : 0; // the network saw no hair
      rgba.fill(truth[i] ? 40 : 210, 4 * i, 4 * i + 3);
    }
    const points = [
      { x: 0, y: 30 },
      { x: 80, y: 30 },
    ];
    const found = hairBrush({ width, height, rgba, alpha, points, radius: 14 });
    const at = (x: number, y: number) => found[y * width + x];
    expect(at(36, 28)).toBeGreaterThan(200);
    expect(at(40, 28)).toBeLessThan(55);
    found.forEach((value, i) => {
      if (Math.abs(Math.floor(i / width) + 0.5 - 30) > 14) expect(value).toBe(alpha[i]);
    });
  });
});

it("every job answers a mask of its own size", () => {
  const { rgba, truth } = scene();
  const picture = { width: WIDTH, height: HEIGHT, rgba, alpha: truth };
  const points = [{ x: 60, y: 45 }];
  const jobs = [
    { kind: "smart", ...picture, points, reach: 10, keep: true },
    { kind: "hair", ...picture, points, radius: 6 },
    { kind: "fill", ...picture, at: points[0], tolerance: 30, opacity: 1, keep: true },
    { kind: "refine", how: "grow", radius: 2, plane: { width: WIDTH, height: HEIGHT, data: truth } },
  ] as const;
  for (const job of jobs) expect(perform({ ...job, points } as never)).toHaveLength(WIDTH * HEIGHT);
});
