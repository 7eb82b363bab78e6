/** Runs of equal bytes made short. What a stroke changes is mostly runs: nothing, wholly, nothing again. */

const SHORTEST = 4; // a shorter run is cheaper among the literal bytes

/** A sequence of runs (an even varint, twice the length, and the byte) and literals (an odd one, and the bytes). */
export function pack(bytes: Uint8Array | Uint8ClampedArray): Uint8Array {
  const out = new Writer(64);
  let literal = 0; // where the bytes begin that no run has taken yet
  for (let at = 0; at < bytes.length;) {
    let end = at + 1;
    while (end < bytes.length && bytes[end] === bytes[at]) end++;
    if (end - at >= SHORTEST) {
      out.literal(bytes, literal, at);
      out.varint((end - at) * 2);
      out.byte(bytes[at]);
      literal = end;
    }
    at = end;
  }
  out.literal(bytes, literal, bytes.length);
  return out.bytes();
}

/** The `length` bytes that `pack` was given. Raises RangeError for anything `pack` did not write. */
export function unpack(packed: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  let at = 0;
  for (let from = 0; from < packed.length;) {
    let head = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = packed[from++];
      head += (byte & 127) * shift;
      if (byte < 128) break;
      if (!(shift < 2 ** 35)) throw new RangeError("A stroke's record is damaged.");
    }
    const count = Math.floor(head / 2);
    if (!(count <= length - at)) throw new RangeError("A stroke's record is damaged.");
    if (head % 2) out.set(packed.subarray(from, (from += count)), at);
    else out.fill(packed[from++], at, at + count);
    at += count;
  }
  if (at !== length) throw new RangeError("A stroke's record is damaged.");
  return out;
}

class Writer {
  private buffer: Uint8Array;
  private length = 0;

  constructor(room: number) {
    this.buffer = new Uint8Array(room);
  }

  byte(value: number): void {
    this.room(1);
    this.buffer[this.length++] = value;
  }

  varint(value: number): void {
    for (; value > 127; value = Math.floor(value / 128)) this.byte((value & 127) | 128);
    this.byte(value);
  }

  literal(bytes: Uint8Array | Uint8ClampedArray, from: number, to: number): void {
    if (to <= from) return;
    this.varint((to - from) * 2 + 1);
    this.room(to - from);
    this.buffer.set(bytes.subarray(from, to), this.length);
    this.length += to - from;
  }

  bytes(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }

  private room(count: number): void {
    if (this.length + count <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(this.buffer.length * 2, this.length + count));
    larger.set(this.buffer.subarray(0, this.length));
    this.buffer = larger;
  }
}
