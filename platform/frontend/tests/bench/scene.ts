/** A picture and a mask of any size, the same every time. */
import { createPlane, type Plane } from "../../src/editor/tools/kernels";

export function random(seed: number): () => number {
  return () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return (seed >>> 0) / 2 ** 32;
  };
}

/** A scene of soft and hard shapes, as a JPEG. */
export async function paintedPhoto(side: number): Promise<Blob> {
  const next = random(1);
  const canvas = new OffscreenCanvas(side, side);
  const context = canvas.getContext("2d")!;
  const sky = context.createLinearGradient(0, 0, side, side);
  sky.addColorStop(0, "#7fa6c9");
  sky.addColorStop(1, "#d8c6a0");
  context.fillStyle = sky;
  context.fillRect(0, 0, side, side);
  for (let i = 0; i < 400; i++) {
    const [x, y, r] = [next() * side, next() * side, (0.005 + 0.05 * next()) * side];
    context.fillStyle = `hsl(${360 * next()} 40% ${25 + 50 * next()}% / ${0.3 + 0.6 * next()})`;
    context.beginPath();
    context.ellipse(x, y, r, r * (0.4 + next()), next() * 3, 0, 7);
    context.fill();
  }
  context.fillStyle = "#b5552f";
  context.beginPath();
  context.ellipse(side / 2, side / 2, side * 0.3, side * 0.36, 0.3, 0, 7);
  context.fill();
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
  canvas.width = canvas.height = 1;
  return blob;
}

/** An ellipse with a wavy rim a few pixels soft, as a network's mask has. */
export function softMask(side: number): Plane {
  const plane = createPlane(side, side);
  const soft = Math.max(1, side / 256);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const [dx, dy] = [x - side / 2, y - side / 2];
      const angle = Math.atan2(dy, dx);
      const rim = side * (0.3 + 0.012 * Math.sin(9 * angle) + 0.004 * Math.sin(41 * angle));
      plane.data[y * side + x] = 127.5 + ((rim - Math.hypot(dx, dy)) / soft) * 127.5;
    }
  }
  return plane;
}
