/**
 * Masks as 8-bit greyscale PNG, byte for byte (PNG specification, third edition, W3C 2025).
 * A canvas would answer RGBA and may pass the picture through colour management; a mask must survive unchanged.
 */
import type { Plane } from "./tools/kernels";

export class PngError extends Error {
  override name = "PngError";
}

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];

export async function encodePng(plane: Plane): Promise<Blob> {
  const { width, height, data } = plane;
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, 0, 0, 0, 0], 8); // 8 bits, greyscale, deflate, adaptive filters, not interlaced

  // Filter "Up" on every row: a mask's rows resemble each other, so nearly everything becomes zero.
  const rows = new Uint8Array((width + 1) * height);
  for (let y = 0; y < height; y++) {
    const start = y * (width + 1) + 1;
    const row = y * width;
    rows[start - 1] = 2;
    if (y === 0) rows.set(data.subarray(0, width), start);
    else for (let x = 0; x < width; x++) rows[start + x] = data[row + x] - data[row - width + x];
  }
  const body = await through(rows, new CompressionStream("deflate"));
  const parts = [
    new Uint8Array(SIGNATURE),
    chunk("IHDR", header),
    chunk("IDAT", body),
    chunk("IEND", new Uint8Array()),
  ];
  return new Blob(parts as BlobPart[], { type: "image/png" });
}

export async function decodePng(bytes: ArrayBuffer): Promise<Plane> {
  const all = new Uint8Array(bytes);
  if (!SIGNATURE.every((value, index) => all[index] === value)) throw new PngError("The mask is not a PNG file.");
  const view = new DataView(bytes);
  const body: Uint8Array[] = [];
  let size: { width: number; height: number } | null = null;
  for (let at = 8; at + 12 <= all.length;) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...all.subarray(at + 4, at + 8));
    const data = all.subarray(at + 8, at + 8 + length);
    if (type === "IHDR") size = readHeader(data);
    else if (type === "IDAT") body.push(data);
    else if (type === "IEND") break;
    at += 12 + length;
  }
  if (!size) throw new PngError("The mask's PNG has no header.");
  const rows = await inflate(body);
  if (rows.length !== (size.width + 1) * size.height) throw new PngError("The mask's PNG is truncated.");
  return { ...size, data: unfilter(rows, size.width, size.height) };
}

function readHeader(data: Uint8Array): { width: number; height: number } {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const [depth, colour, , , interlace] = data.subarray(8);
  if (depth !== 8 || colour !== 0 || interlace !== 0) {
    throw new PngError("The mask must be an 8-bit greyscale PNG that is not interlaced.");
  }
  return { width: view.getUint32(0), height: view.getUint32(4) };
}

async function inflate(parts: Uint8Array[]): Promise<Uint8Array> {
  const joined = new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
  try {
    return await through(joined, new DecompressionStream("deflate"));
  } catch (error) {
    throw new PngError("The mask's PNG is damaged.", { cause: error });
  }
}

/** Undoes the five row filters. The plain ones get loops of their own: masks have millions of pixels. */
function unfilter(rows: Uint8Array, width: number, height: number): Uint8ClampedArray {
  const out = new Uint8Array(width * height); // wraps by itself, and is quicker to write than one that clamps
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (width + 1)];
    const source = y * (width + 1) + 1;
    const row = y * width;
    if (filter === 0 || (filter === 2 && y === 0)) out.set(rows.subarray(source, source + width), row);
    else if (filter === 2) {
      for (let x = 0; x < width; x++) out[row + x] = rows[source + x] + out[row - width + x];
    } else unfilterRow(filter, rows, source, out, row, width, y === 0);
  }
  return new Uint8ClampedArray(out.buffer);
}

function unfilterRow(
  filter: number,
  rows: Uint8Array,
  source: number,
  out: Uint8Array,
  row: number,
  width: number,
  first: boolean,
): void {
  let left = 0;
  let corner = 0;
  for (let x = 0; x < width; x++) {
    const up = first ? 0 : out[row - width + x];
    const value = (rows[source + x] + predict(filter, left, up, corner)) & 255;
    out[row + x] = value;
    left = value;
    corner = up;
  }
}

function predict(filter: number, left: number, up: number, corner: number): number {
  switch (filter) {
    case 1:
      return left;
    case 3:
      return (left + up) >> 1;
    case 4:
      return paeth(left, up, corner);
    default:
      throw new PngError(`The mask's PNG has an unknown row filter, ${filter}.`);
  }
}

function paeth(left: number, up: number, corner: number): number {
  const estimate = left + up - corner;
  const toLeft = Math.abs(estimate - left);
  const toUp = Math.abs(estimate - up);
  const toCorner = Math.abs(estimate - corner);
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}

export async function through(bytes: Uint8Array, stream: GenericTransformStream): Promise<Uint8Array> {
  const writer = stream.writable.getWriter();
  const written = writer.write(bytes).then(() => writer.close());
  // A blob's stream would bring the bytes in many small pieces, each by way of another process.
  const [read] = await Promise.all([new Response(stream.readable).arrayBuffer(), written]);
  return new Uint8Array(read);
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + data.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) out[4 + i] = type.charCodeAt(i);
  out.set(data, 8);
  view.setUint32(8 + data.length, crc32(out.subarray(4, 8 + data.length)));
  return out;
}

let crcTable: Uint32Array | undefined;

export function crc32(bytes: Uint8Array): number {
  crcTable ??= Uint32Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n >>> 0;
  });
  let crc = 0xffffffff;
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
