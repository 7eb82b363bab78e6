/** Filling by colour: data in, data out. */

/**
 * The pixels joined to `start` whose colours differ from it by no more than `tolerance` (0..255, in the channel that
 * differs most): 255 inside, 0 outside, and in between on the rim, so that no edge is a staircase.
 */
export function floodFill(
  rgba: Uint8ClampedArray,
  width: number,
  height: number,
  start: { x: number; y: number },
  tolerance: number,
): Uint8ClampedArray {
  const filled = new Uint8ClampedArray(width * height);
  const seed = Math.floor(start.y) * width + Math.floor(start.x);
  const [red, green, blue] = rgba.subarray(4 * seed, 4 * seed + 3);
  const alike = (pixel: number) => {
    const i = 4 * pixel;
    return (
      Math.abs(rgba[i] - red) <= tolerance &&
      Math.abs(rgba[i + 1] - green) <= tolerance &&
      Math.abs(rgba[i + 2] - blue) <= tolerance
    );
  };
  const waiting = [seed];
  for (let pixel = waiting.pop(); pixel !== undefined; pixel = waiting.pop()) {
    if (filled[pixel]) continue;
    const row = pixel - (pixel % width);
    let left = pixel;
    while (left > row && alike(left - 1) && !filled[left - 1]) left--;
    let right = pixel + 1;
    while (right < row + width && alike(right) && !filled[right]) right++;
    filled.fill(255, left, right);
    for (const step of [-width, width]) {
      if (row + step < 0 || row + step >= filled.length) continue;
      let inside = false;
      for (let at = left + step; at < right + step; at++) {
        const open = !filled[at] && alike(at);
        if (open && !inside) waiting.push(at);
        inside = open;
      }
    }
  }
  return softened(filled, width, height);
}

/** Half covers the pixels just outside the rim by their neighbours' share; what is inside stays whole. */
function softened(filled: Uint8ClampedArray, width: number, height: number): Uint8ClampedArray {
  const out = filled.slice();
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      if (filled[i]) continue;
      const sides =
        (x > 0 && filled[i - 1] ? 1 : 0) +
        (x < width - 1 && filled[i + 1] ? 1 : 0) +
        (y > 0 && filled[i - width] ? 1 : 0) +
        (y < height - 1 && filled[i + width] ? 1 : 0);
      out[i] = sides * 64;
    }
  }
  return out;
}
