// @vitest-environment node
import { deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { createPlane, type Plane } from "../../src/editor/tools/kernels";
import { crc32, decodePng, encodePng, PngError } from "../../src/editor/png";

function noise(width: number, height: number): Plane {
  const plane = createPlane(width, height);
  let seed = 1;
  for (let i = 0; i < plane.data.length; i++) {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    plane.data[i] = seed >> 16;
  }
  return plane;
}

/** A PNG written the other way round: each row with the filter asked for. */
function pngWithFilter(plane: Plane, filter: number, header = [8, 0, 0, 0, 0]): ArrayBuffer {
  const { width, height, data } = plane;
  const at = (x: number, y: number) => (x < 0 || y < 0 ? 0 : data[y * width + x]);
  const paeth = (a: number, b: number, c: number) => {
    const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
    return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
  };
  const rows: number[] = [];
  for (let y = 0; y < height; y++) {
    rows.push(filter);
    for (let x = 0; x < width; x++) {
      const [a, b, c] = [at(x - 1, y), at(x, y - 1), at(x - 1, y - 1)];
      rows.push((at(x, y) - [0, a, b, (a + b) >> 1, paeth(a, b, c)][filter]) & 255);
    }
  }
  const chunk = (type: string, body: Buffer) => {
    const named = Buffer.concat([Buffer.from(type, "latin1"), body]);
    const out = Buffer.alloc(8 + named.length);
    out.writeUInt32BE(body.length, 0);
    named.copy(out, 4);
    out.writeUInt32BE(crc32(named), 4 + named.length);
    return out;
  };
  const ihdr = Buffer.alloc(13);
  ihdr.writeUInt32BE(width, 0);
  ihdr.writeUInt32BE(height, 4);
  Buffer.from(header).copy(ihdr, 8);
  const body = deflateSync(Buffer.from(rows));
  const parts = [
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk("IHDR", ihdr),
    chunk("tEXt", Buffer.from("Comment\0a mask")),
    chunk("IDAT", body.subarray(0, 9)),
    chunk("IDAT", body.subarray(9)),
    chunk("IEND", Buffer.alloc(0)),
  ];
  return new Uint8Array(Buffer.concat(parts)).buffer;
}

describe("masks as PNG", () => {
  it.each([
    [1, 1],
    [7, 3],
    [129, 64],
    [640, 481],
  ])("survive the round trip byte for byte at %i × %i", async (width, height) => {
    const plane = noise(width, height);
    const back = await decodePng(await (await encodePng(plane)).arrayBuffer());
    expect([back.width, back.height]).toEqual([width, height]);
    expect(Buffer.from(back.data).equals(Buffer.from(plane.data))).toBe(true);
  });

  it("are written as 8-bit greyscale with correct checksums", async () => {
    const blob = await encodePng(noise(5, 4));
    const file = Buffer.from(await blob.arrayBuffer());
    expect(blob.type).toBe("image/png");
    expect([...file.subarray(24, 29)]).toEqual([8, 0, 0, 0, 0]);
    for (let at = 8; at < file.length;) {
      const length = file.readUInt32BE(at);
      expect(file.readUInt32BE(at + 8 + length)).toBe(crc32(file.subarray(at + 4, at + 8 + length)));
      at += 12 + length;
    }
  });

  it.each([0, 1, 2, 3, 4])("are read whichever row filter wrote them: %i", async (filter) => {
    const plane = noise(33, 21);
    const back = await decodePng(pngWithFilter(plane, filter));
    expect([...back.data]).toEqual([...plane.data]);
  });

  it("knows the CRC of the specification's empty IEND chunk", () => {
    expect(crc32(new TextEncoder().encode("IEND"))).toBe(0xae426082);
  });
});

describe("what is no mask", () => {
  it("is refused: another file", async () => {
    await expect(decodePng(new TextEncoder().encode("GIF89a, not a PNG").buffer as ArrayBuffer)).rejects.toThrow(
      PngError,
    );
  });

  it("is refused: colour", async () => {
    await expect(decodePng(pngWithFilter(noise(4, 4), 0, [8, 6, 0, 0, 0]))).rejects.toThrow(/greyscale/);
  });

  it("is refused: a truncated file", async () => {
    const whole = await (await encodePng(noise(90, 90))).arrayBuffer();
    await expect(decodePng(whole.slice(0, whole.byteLength / 2))).rejects.toThrow(PngError);
  });

  it("is refused: an unknown row filter", async () => {
    await expect(decodePng(pngWithFilter(noise(4, 4), 5))).rejects.toThrow(/filter/);
  });
});
