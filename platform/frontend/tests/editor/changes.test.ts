// @vitest-environment node
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { changedPlane, changesOf } from "../../src/editor/changes";
import { createPlane, type Plane } from "../../src/editor/tools/kernels";
import { decodePng, encodePng } from "../../src/editor/png";
import { Snapshot } from "../../src/editor/view/snapshot";

function soft(width: number, height: number, seed: number): Plane {
  const plane = createPlane(width, height);
  for (let i = 0; i < plane.data.length; i++) plane.data[i] = (seed = (seed * 1103515245 + 12345) & 0x7fffffff) >> 16;
  return plane;
}

/** Compares as one block: `toEqual` looks at each number by itself, which takes seconds for a mask. */
const same = (one: Plane, other: Plane) => Buffer.from(one.data).equals(Buffer.from(other.data));

const bytesOf = async (plane: Plane) => (await encodePng(plane)).arrayBuffer();

describe("the changes of a mask", () => {
  it.each([
    [1, 1],
    [300, 200],
    [129, 257],
  ])("make the same mask again at %i × %i, byte for byte", async (width, height) => {
    for (let seed = 1; seed < 6; seed++) {
      const [before, after] = [soft(width, height, seed), soft(width, height, seed)];
      const from = seed * 31 * width;
      after.data.fill(seed % 2 ? 255 : 0, from % after.data.length, (from % after.data.length) + 40);
      const changes = await changesOf(after, new Snapshot(before));
      expect(same(await changedPlane(await bytesOf(before), changes!), after)).toBe(true);
      expect(changes!.sha256).toBe(createHash("sha256").update(after.data).digest("hex"));
    }
  });

  it("are confined to the tiles that changed", async () => {
    const [before, after] = [createPlane(640, 512, 9), createPlane(640, 512, 9)];
    after.data[130 * 640 + 260] = 10;
    const changes = (await changesOf(after, new Snapshot(before)))!;
    expect(changes).toMatchObject({ left: 256, top: 128 });
    expect(await decodePng(changes.png)).toMatchObject({ width: 128, height: 128 });
  });

  it("may be none", async () => {
    const plane = soft(50, 60, 3);
    const changes = (await changesOf(plane, new Snapshot(plane)))!;
    expect(same(await changedPlane(await bytesOf(plane), changes), plane)).toBe(true);
  });
});
