/**
 * Local colour lines: in every small window alpha is taken as a linear function of the colour. The same model gives the
 * guided filter (He, Sun and Tang, ECCV 2010) and the matting Laplacian of closed-form matting (Levin, Lischinski and
 * Weiss, CVPR 2006), whose product with a vector needs box filters alone (He, Sun and Tang, CVPR 2010).
 */

/** Sum over the (2r+1)² window around each pixel, clipped at the borders. */
export function boxSum(values: Float32Array, width: number, height: number, r: number): Float32Array {
  const rows = new Float32Array(values.length);
  for (let y = 0; y < height; y++) {
    const start = y * width;
    let sum = 0;
    for (let x = 0; x < Math.min(r, width); x++) sum += values[start + x];
    for (let x = 0; x < width; x++) {
      if (x + r < width) sum += values[start + x + r];
      if (x - r - 1 >= 0) sum -= values[start + x - r - 1];
      rows[start + x] = sum;
    }
  }
  const out = new Float32Array(values.length);
  const sums = new Float32Array(width);
  for (let y = -r; y < height; y++) {
    if (y + r < height) for (let x = 0, at = (y + r) * width; x < width; x++, at++) sums[x] += rows[at];
    if (y < 0) continue;
    if (y - r - 1 >= 0) for (let x = 0, at = (y - r - 1) * width; x < width; x++, at++) sums[x] -= rows[at];
    out.set(sums, y * width);
  }
  return out;
}

export class ColourLines {
  private readonly channels: Float32Array[];
  private readonly means: Float32Array[];
  private readonly inverse: Float32Array[]; // of each window's covariance: rr rg rb gg gb bb
  readonly count: Float32Array;

  /** `rgba` holds 4 bytes a pixel. `epsilon` is the variance (of colours 0..1) below which a window counts as flat. */
  constructor(
    rgba: Uint8ClampedArray,
    private readonly width: number,
    private readonly height: number,
    private readonly r: number,
    epsilon: number,
  ) {
    const pixels = width * height;
    this.channels = [0, 1, 2].map((channel) => {
      const plane = new Float32Array(pixels);
      for (let i = 0; i < pixels; i++) plane[i] = rgba[4 * i + channel] / 255;
      return plane;
    });
    this.count = this.sum(new Float32Array(pixels).fill(1));
    this.means = this.channels.map((channel) => divide(this.sum(channel), this.count));
    const pairs: [number, number][] = [
      [0, 0],
      [0, 1],
      [0, 2],
      [1, 1],
      [1, 2],
      [2, 2],
    ];
    const covariance = pairs.map(([a, b]) => {
      const products = this.channels[a].map((value, i) => value * this.channels[b][i]);
      const mean = divide(this.sum(products), this.count);
      for (let i = 0; i < pixels; i++) {
        mean[i] -= this.means[a][i] * this.means[b][i];
        if (a === b) mean[i] += epsilon;
      }
      return mean;
    });
    this.inverse = inverted(covariance);
  }

  /** The guided filter: `alpha` (0..1) smoothed along the picture's edges. */
  smooth(alpha: Float32Array): Float32Array {
    const out = this.along(alpha);
    return divide(out, this.count);
  }

  /** The matting Laplacian times `alpha`: 0 where every window's colours explain it. */
  laplacian(alpha: Float32Array): Float32Array {
    const out = this.along(alpha);
    for (let i = 0; i < out.length; i++) out[i] = this.count[i] * alpha[i] - out[i];
    return out;
  }

  /** For each pixel the sum over its windows of what the window's line says of its colour. */
  private along(alpha: Float32Array): Float32Array {
    const [red, green, blue] = this.channels;
    const [meanR, meanG, meanB] = this.means;
    const [rr, rg, rb, gg, gb, bb] = this.inverse;
    const mean = divide(this.sum(alpha), this.count);
    const withR = this.sum(multiply(alpha, red));
    const withG = this.sum(multiply(alpha, green));
    const withB = this.sum(multiply(alpha, blue));
    const b = new Float32Array(alpha.length);
    for (let i = 0; i < b.length; i++) {
      const count = this.count[i];
      const r = withR[i] / count - meanR[i] * mean[i];
      const g = withG[i] / count - meanG[i] * mean[i];
      const c = withB[i] / count - meanB[i] * mean[i];
      const slopeR = rr[i] * r + rg[i] * g + rb[i] * c;
      const slopeG = rg[i] * r + gg[i] * g + gb[i] * c;
      const slopeB = rb[i] * r + gb[i] * g + bb[i] * c;
      b[i] = mean[i] - slopeR * meanR[i] - slopeG * meanG[i] - slopeB * meanB[i];
      withR[i] = slopeR;
      withG[i] = slopeG;
      withB[i] = slopeB;
    }
    const [sumR, sumG, sumB, out] = [withR, withG, withB, b].map((plane) => this.sum(plane));
    for (let i = 0; i < out.length; i++) out[i] += sumR[i] * red[i] + sumG[i] * green[i] + sumB[i] * blue[i];
    return out;
  }

  private sum(values: Float32Array): Float32Array {
    return boxSum(values, this.width, this.height, this.r);
  }
}

function multiply(a: Float32Array, b: Float32Array): Float32Array {
  const out = new Float32Array(a.length);
  for (let i = 0; i < out.length; i++) out[i] = a[i] * b[i];
  return out;
}

function divide(a: Float32Array, b: Float32Array): Float32Array {
  for (let i = 0; i < a.length; i++) a[i] /= b[i];
  return a;
}

/** Inverses of symmetric 3×3 matrices, given and answered as six planes. */
function inverted([rr, rg, rb, gg, gb, bb]: Float32Array[]): Float32Array[] {
  const out = Array.from({ length: 6 }, () => new Float32Array(rr.length));
  for (let i = 0; i < rr.length; i++) {
    const c0 = gg[i] * bb[i] - gb[i] * gb[i];
    const c1 = gb[i] * rb[i] - rg[i] * bb[i];
    const c2 = rg[i] * gb[i] - gg[i] * rb[i];
    const determinant = rr[i] * c0 + rg[i] * c1 + rb[i] * c2;
    out[0][i] = c0 / determinant;
    out[1][i] = c1 / determinant;
    out[2][i] = c2 / determinant;
    out[3][i] = (rr[i] * bb[i] - rb[i] * rb[i]) / determinant;
    out[4][i] = (rg[i] * rb[i] - rr[i] * gb[i]) / determinant;
    out[5][i] = (rr[i] * gg[i] - rg[i] * rg[i]) / determinant;
  }
  return out;
}
