"""How good and how fast the edge is: `python tests/benchmarks/bench_edge.py [--shared ../shared]`.

Alpha and colours against the truth on composites (edge_scenes), cut with the shipped weights; contours against masks
people drew, on ECSSD; milliseconds of processor time on one core. Rows that need data which is not here are left out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from unittest.mock import patch

import edge_scenes
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from segmentation import mask, picture, weights
from segmentation.mask import edge, foreground
from segmentation.predictor import TorchPredictor
from training.data.dataset import paired, read_pair, validation_split
from training.data.pairs import Cache, plain_index
from training.evaluation.metrics import Figures

FOUND = 0.75  # IoU from which on the network found the subject: an edge can be judged
NEAR = 12  # pixels beside the true contour: the band
Array = NDArray[np.uint8]
Method = Callable[[Array, Array], tuple[Array, Array]]


def settled(rgb: Array, alpha: Array) -> tuple[Array, Array]:
    return mask.settle(alpha), rgb


def settled_foreground(rgb: Array, alpha: Array) -> tuple[Array, Array]:
    return mask.settle(alpha), foreground.estimate(rgb, mask.settle(alpha))


def refined(rgb: Array, alpha: Array) -> tuple[Array, Array]:
    return edge.refine(rgb, alpha), rgb


def refined_foreground(rgb: Array, alpha: Array) -> tuple[Array, Array]:
    sharp = edge.refine(rgb, alpha)
    return sharp, foreground.estimate(rgb, sharp)


def untidied_foreground(rgb: Array, alpha: Array) -> tuple[Array, Array]:
    sharp = untidied(rgb, alpha)
    return sharp, foreground.estimate(rgb, sharp)


def closed_form(rgb: Array, alpha: Array) -> tuple[Array, Array]:
    """Levin 2008 and Germer 2020 as pymatting has them, unknown within 10 pixels of the network's contour."""
    import pymatting

    inside = alpha >= mask.HALF
    away = ndimage.distance_transform_edt(inside) + ndimage.distance_transform_edt(~inside)
    trimap = np.where(away <= 10, 0.5, inside.astype(float))
    found = pymatting.estimate_alpha_cf(rgb / 255, trimap)
    colours = pymatting.estimate_foreground_ml(rgb / 255, found)
    return (found * 255).round().astype(np.uint8), (colours * 255).clip(0, 255).round().astype(np.uint8)


METHODS: dict[str, Method] = {
    "settled, photo's colours": settled,
    "settled, estimated colours": settled_foreground,
    "refined, photo's colours": refined,
    "refined, not tidied, estimated colours": untidied_foreground,
    "refined, estimated colours": refined_foreground,
    "pymatting: closed form, multi-level": closed_form,
}


def found_scenes(shared: Path, count: int) -> Iterator[tuple[edge_scenes.Scene, Array]]:
    """Scenes of which the shipped weights find the subject, with the mask they make."""
    predictor = TorchPredictor(weights.load(weights.starter_folder()), "cpu")
    scenes = list(edge_scenes.hair_scenes(count))
    if (shared / "data" / "train").is_dir():
        scenes += edge_scenes.cut_scenes(shared / "data" / "train", count)
    for scene in scenes:
        alpha = predictor.predict(scene.rgb).alpha
        if mask.iou(alpha, (scene.alpha * 255).astype(np.uint8)) >= FOUND:
            yield scene, alpha


def band(alpha: edge_scenes.Picture) -> NDArray[np.bool_]:
    inside = alpha > 0.5
    away = ndimage.distance_transform_edt(inside) + ndimage.distance_transform_edt(~inside)
    return (away <= NEAR) | ((alpha > 0.02) & (alpha < 0.98))


def backdrops(shape: tuple[int, ...]) -> dict[str, edge_scenes.Picture]:
    white = np.ones((*shape, 3), np.float32)
    return {"white": white, "black": white * 0, "wallpaper": edge_scenes.wallpaper(shape)}


def shown(alpha: edge_scenes.Picture, colours: edge_scenes.Picture, behind: edge_scenes.Picture) -> NDArray:
    return alpha[..., None] * colours + (1 - alpha[..., None]) * behind


def judged(scene: edge_scenes.Scene, alpha: Array, colours: Array) -> list[float]:
    """In the band: mean |error| and squared error of alpha, then mean |error| of 255 on each backdrop."""
    near, made = band(scene.alpha), alpha.astype(np.float32) / 255
    error = (made - scene.alpha)[near]
    figures = [float(np.abs(error).mean()), float((error**2).mean())]
    for behind in backdrops(scene.alpha.shape).values():
        truth = shown(scene.alpha, scene.foreground, behind)
        figures.append(255 * float(np.abs(shown(made, colours.astype(np.float32) / 255, behind) - truth)[near].mean()))
    return figures


def composites(shared: Path, count: int, methods: dict[str, Method]) -> None:
    scenes = list(found_scenes(shared, count))
    for kind in sorted({scene.kind for scene, _ in scenes}):
        chosen = [(scene, alpha) for scene, alpha in scenes if scene.kind == kind]
        print(f"\n### {kind}: {len(chosen)} composites of {count} (the others the network did not find)\n")
        print("| | alpha, mean abs | alpha, mse | on white | on black | on wallpaper |\n|---|---|---|---|---|---|")
        for name, method in methods.items():
            rows = np.mean([judged(scene, *method(scene.rgb, alpha)) for scene, alpha in chosen], 0)
            print(
                f"| {name} | {rows[0]:.4f} | {rows[1]:.4f} | {rows[2]:.2f} | {rows[3]:.2f} | {rows[4]:.2f} |",
                flush=True,
            )


def known_alpha(shared: Path, count: int) -> None:
    """Colours alone: the true alpha is given."""
    import pymatting

    scenes = list(edge_scenes.hair_scenes(count))
    if (shared / "data" / "train").is_dir():
        scenes += edge_scenes.cut_scenes(shared / "data" / "train", count)
    rows: dict[str, list[float]] = {"photo's colours": [], "estimated": [], "pymatting multi-level": []}
    for scene in scenes:
        alpha = (scene.alpha * 255).round().astype(np.uint8)
        soft = (alpha > 12) & (alpha < 243)
        multi = pymatting.estimate_foreground_ml(scene.rgb / 255, alpha / 255)
        estimates = (scene.rgb / 255, foreground.estimate(scene.rgb, alpha) / 255, multi)
        for errors, colours in zip(rows.values(), estimates, strict=True):
            error = np.abs(colours - scene.foreground) * scene.alpha[..., None]
            errors.append(255 * float(error[soft].mean()))
    print(f"\n### Foreground's colours under the true alpha: {len(scenes)} composites\n")
    print("| | mean abs error × alpha, of 255, where alpha is soft |\n|---|---|")
    for name, errors in rows.items():
        print(f"| {name} | {np.mean(errors):.2f} |")


def contours(name: str, pairs: Iterable[tuple[Array, Array]]) -> None:
    """IoU and boundary F against masks people drew, and the small patches that are seen."""
    predictor = TorchPredictor(weights.load(weights.starter_folder()), "cpu")
    figures = {method: Figures() for method in CONTOURS}
    patches: dict[str, list[tuple[int, int]]] = {method: [] for method in [*CONTOURS, "people"]}
    for rgb, truth in pairs:
        alpha = predictor.predict(rgb).alpha
        for method, mask_of in CONTOURS.items():
            made = mask_of(rgb, alpha)
            figures[method].add(made, truth)
            patches[method].append(small_patches(made))
        patches["people"].append(small_patches(truth))
    print(f"\n### {name}: {len(patches['people'])} pictures, masks drawn by people\n")
    print("| | mean IoU | boundary F | MAE | crumbs a picture | pinholes a picture |\n|---|---|---|---|---|---|")
    for method, found in figures.items():
        f, (crumbs, holes) = found.summary(), np.mean(patches[method], 0)
        print(f"| {method} | {f['mean_iou']:.4f} | {f['mean_boundary_f']:.4f} | {f['mae']:.4f} "
              f"| {crumbs:.2f} | {holes:.2f} |")  # fmt: skip
    print("| the people's own masks | | | | {:.2f} | {:.2f} |".format(*np.mean(patches["people"], 0)), flush=True)


def untidied(rgb: Array, alpha: Array) -> Array:
    """As `edge.refine`, its crumbs and pinholes left."""
    with patch.object(edge, "tidied", lambda region: region):
        return edge.refine(rgb, alpha)


CONTOURS: dict[str, Callable[[Array, Array], Array]] = {
    "settled": lambda _, alpha: mask.settle(alpha),
    "refined, not tidied": untidied,
    "refined": edge.refine,
}


def small_patches(alpha: Array) -> tuple[int, int]:
    """Islands beside the largest and holes, each of up to a hundredth of what is cut at one half."""
    inside = alpha >= mask.HALF
    most = 0.01 * inside.sum()
    return counted(inside, most), counted(~inside, most)


def counted(inside: NDArray[np.bool_], most: float) -> int:
    labels, count = ndimage.label(inside)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    return int((sizes <= most).sum())


def validation(folder: Path) -> Iterator[tuple[Array, Array]]:
    """Of the training photographs those that nothing was trained on, as training itself puts them aside."""
    _, held = validation_split(plain_index(folder, Cache(0)))
    return ((pair.rgb, pair.mask) for pair in held)


def all_of(folder: Path) -> Iterator[tuple[Array, Array]]:
    return (read_pair(image, drawn, None) for image, drawn in paired(folder))


def spent(work: Callable[[], object], times: int = 9) -> float:
    """Milliseconds of processor time of this thread, the median of several."""
    taken = []
    for _ in range(times):
        start = time.thread_time()
        work()
        taken.append(1000 * (time.thread_time() - start))
    return float(np.median(taken))


def speed() -> None:
    print("\n### Milliseconds on one core\n\n| | 512×512 | 4000×3000 |\n|---|---|---|")
    scene = next(edge_scenes.hair_scenes(1))
    small = (ndimage.gaussian_filter(scene.alpha, 3) * 255).astype(np.uint8)
    whole = np.asarray(Image.fromarray(scene.rgb).resize((4000, 3000), Image.Resampling.BICUBIC))
    fine, large = edge.refine(scene.rgb, small), edge.refine(whole, small)
    rgba = mask.cutout(whole, large)
    print(f"| edge.refine | {spent(lambda: edge.refine(scene.rgb, small)):.0f} "
          f"| {spent(lambda: edge.refine(whole, small), 3):.0f} |")  # fmt: skip
    print(f"| of which edge.tidied | {spent(lambda: edge.tidied(fine)):.0f} "
          f"| {spent(lambda: edge.tidied(large), 3):.0f} |")  # fmt: skip
    print(f"| foreground.estimate | {spent(lambda: foreground.estimate(scene.rgb, fine)):.0f} "
          f"| {spent(lambda: foreground.estimate(whole, large), 3):.0f} |")  # fmt: skip
    print(f"| PNG of the cut-out | {spent(lambda: picture.encode_png(mask.cutout(scene.rgb, fine))):.0f} "
          f"| {spent(lambda: picture.encode_png(rgba), 3):.0f} |")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="data/train and data/ecssd are under it")
    parser.add_argument("--count", type=int, default=40, help="composites of each kind")
    parser.add_argument("--quick", action="store_true", help="without pymatting's matting, which takes long")
    options = parser.parse_args()
    methods = {name: m for name, m in METHODS.items() if not (options.quick and m is closed_form)}
    speed()
    composites(options.shared, options.count, methods)
    known_alpha(options.shared, min(10, options.count))
    data = options.shared / "data"
    if (data / "train").is_dir():
        contours("validation", validation(data / "train"))
    if (data / "ecssd").is_dir():
        contours("ecssd", all_of(data / "ecssd"))


if __name__ == "__main__":
    main()
