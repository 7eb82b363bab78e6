// What a graph answers in WebAssembly, as in a browser: `node answers.mjs GRAPH PICTURES SIDE OUT`.
// PICTURES holds N×SIDE×SIDE×3 uint8; OUT gets N×2×SIDE×SIDE float32: refined, coarse.
import { readFile, writeFile } from "node:fs/promises";
import * as ort from "onnxruntime-web/wasm";

const [graph, pictures, side, out] = process.argv.slice(2);
ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(new Uint8Array(await readFile(graph)));
const pixels = new Uint8Array(await readFile(pictures));
const shape = [1, Number(side), Number(side), 3];
const length = side * side * 3;
const answers = [];
for (let start = 0; start < pixels.length; start += length) {
  const image = new ort.Tensor("uint8", pixels.subarray(start, start + length), shape);
  const { refined, coarse } = await session.run({ image });
  answers.push(Buffer.from(Float32Array.from(refined.data).buffer), Buffer.from(Float32Array.from(coarse.data).buffer));
}
await writeFile(out, Buffer.concat(answers));
