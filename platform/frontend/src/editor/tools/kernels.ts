/** Pure functions on masks. A mask is an alpha plane: 0 is cut away, 255 is kept. */

export interface Point {
  x: number;
  y: number;
}

/** `right` and `bottom` are exclusive. */
export interface Rect {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** `data` holds width × height bytes, row by row. */
export interface Plane {
  width: number;
  height: number;
  data: Uint8ClampedArray;
}

export function createPlane(width: number, height: number, fill = 0): Plane {
  return { width, height, data: new Uint8ClampedArray(width * height).fill(fill) };
}

export function isEmpty(rect: Rect): boolean {
  return rect.right <= rect.left || rect.bottom <= rect.top;
}

export function intersect(a: Rect, b: Rect): Rect {
  return {
    left: Math.max(a.left, b.left),
    top: Math.max(a.top, b.top),
    right: Math.min(a.right, b.right),
    bottom: Math.min(a.bottom, b.bottom),
  };
}

export function unite(a: Rect | null, b: Rect): Rect {
  if (!a) return b;
  return {
    left: Math.min(a.left, b.left),
    top: Math.min(a.top, b.top),
    right: Math.max(a.right, b.right),
    bottom: Math.max(a.bottom, b.bottom),
  };
}

/** `before` moved towards `target` (0 or 255) by `coverage`/255. */
export function blend(before: number, target: number, coverage: number): number {
  return Math.round(before + ((target - before) * coverage) / 255);
}

/** The mask at another size: the average over each target pixel's box when smaller, the nearest pixel when larger. */
export function resample(plane: Plane, width: number, height: number): Plane {
  const out = createPlane(width, height);
  const stepX = plane.width / width;
  const stepY = plane.height / height;
  for (let y = 0; y < height; y++) {
    const top = Math.floor(y * stepY);
    const bottom = Math.max(top + 1, Math.floor((y + 1) * stepY));
    for (let x = 0; x < width; x++) {
      const left = Math.floor(x * stepX);
      const right = Math.max(left + 1, Math.floor((x + 1) * stepX));
      let sum = 0;
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) sum += plane.data[row * plane.width + column];
      }
      out.data[y * width + x] = Math.round(sum / ((bottom - top) * (right - left)));
    }
  }
  return out;
}
