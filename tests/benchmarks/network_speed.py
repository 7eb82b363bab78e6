"""One network, without any service: `python network_speed.py WEIGHTS --how HOW [--batch N] [--pause S]`.

HOW is "plain" (eager torch, float32, every output computed, as in 2020) or "auto" or the name of a backend. Prints
JSON: pictures a second and the median pass in milliseconds. One process for each figure, so that none inherits threads.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def plain(folder: Path, _: str, batch: int) -> tuple[Callable[[], object], str]:
    from plain_pipeline import Pipeline

    card = json.loads((folder / "card.json").read_bytes())
    pipeline = Pipeline(card["network"], str(folder / "weights.safetensors"))
    prepared = pipeline.prepared(Image.fromarray(pictures(1, 512)[0]))
    return lambda: [pipeline.maps(prepared) for _ in range(batch)], "torch eager"


def served(folder: Path, how: str, batch: int) -> tuple[Callable[[], object], str]:
    from segmentation import backends, weights

    found = weights.inspect(folder)
    backend = backends.choose(found, name=None if how == "auto" else how)
    photos = pictures(batch or backend.batch_limit, backend.size)
    return lambda: backend.run(photos), backend.name


def pictures(count: int, side: int) -> np.ndarray:
    from skimage import data

    photo = np.asarray(Image.fromarray(data.astronaut()).resize((side, side)))
    return np.stack([np.roll(photo, 7 * n, 1) for n in range(count)])


def measured(call: Callable[[], object], batch: int, seconds: float, pause: float) -> dict[str, float]:
    call()
    call()
    passes: list[float] = []
    while sum(passes) < seconds or len(passes) < 3:
        time.sleep(pause)
        start = time.perf_counter()
        call()
        passes.append(time.perf_counter() - start)
    return {"per_second": batch * len(passes) / sum(passes), "p50": 1000 * statistics.median(passes)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("weights", type=Path)
    parser.add_argument("--how", default="auto")
    parser.add_argument("--batch", type=int, default=1, help="pictures in a pass; 0: as many as the backend takes")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between passes")
    given = parser.parse_args()
    call, name = (plain if given.how == "plain" else served)(given.weights, given.how, given.batch)
    batch = given.batch or len(call())  # type: ignore[arg-type]
    said: dict[str, Any] = {"backend": name, "batch": batch}
    json.dump(said | measured(call, batch, given.seconds, given.pause), sys.stdout)


if __name__ == "__main__":
    main()
