"""Other weights while photos come in: what fails meanwhile, and how long it takes until the new ones answer.

The real service; two sets of weights that are used in turn by an operator's choice, then taken back by `rollback`.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import servers
from bench_service import bar
from load import percentile
from visitors import Visitors

pytestmark = pytest.mark.timeout(1800)

TIMES = int(os.environ.get("BENCH_SWAPS", "20"))
BACK = max(1, TIMES // 4)
RATE = 4.0
PATIENCE = 60.0
BARS = {"swap": 2.0, "rollback": 5.0}

SECOND_SET = Path(__file__).with_name("second_set.py")

# Told "use" and a digest, or "back", a line; answers with the digest that is deployed and when that was committed.
OPERATOR = """
import sys, time
from pathlib import Path
import django
django.setup()
from stickersnap.releases import services
from stickersnap.releases.weights import arrivals
print(arrivals.weights_import(path=Path(sys.argv[1]), name="other").sha256, flush=True)
for line in sys.stdin:
    what, _, name = line.strip().partition(" ")
    if what == "back":
        made = services.rollback(by="bench")
    else:
        made = services.weights_use(weights=arrivals.weights_find(name), by="bench")
    print(made.weights_id, time.time(), flush=True)
"""


@contextmanager
def operator(state: Path, other: Path) -> Iterator[tuple[str, Callable[[str], tuple[str, float]]]]:
    """The digest of the imported weights, and who deploys: `tell("use NAME")`, `tell("back")`."""
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "stickersnap.settings", "STICKERSNAP_STATE": str(state)}
    environment.pop("DATABASE_URL", None)
    command = [sys.executable, "-c", OPERATOR, str(other)]
    with (
        (state / "operator.txt").open("wb") as errors,
        subprocess.Popen(
            command, cwd=servers.ROOT, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
        ) as process,
    ):  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None

        def said() -> list[str]:
            words = process.stdout.readline().split()
            assert words, (state / "operator.txt").read_text()
            return words

        def tell(wish: str) -> tuple[str, float]:
            print(wish, file=process.stdin, flush=True)
            weights, when = said()
            return weights, float(when)

        yield said()[0], tell
        process.stdin.close()


def test_swap(notes: dict, folder: Path, photos: dict[str, list[Path]]) -> None:
    print(f"\n\n(e) {TIMES} times other weights, {BACK} times back, while {RATE:g} photos a second come in")
    other, state = folder / "other", folder / "swap"
    subprocess.run([sys.executable, str(SECOND_SET), str(other)], cwd=servers.ROOT, check=True)
    with servers.stickersnap(state) as server:
        servers.first_answer(server, photos["tiny"][0])
        visitors = Visitors(f"{server.url}/", photos["tiny"][0].read_bytes(), pause=1 / RATE, patient=False)
        with operator(state, other) as (sha256, tell), visitors:
            seconds: dict[str, list[float]] = {"swap": [], "rollback": []}
            wishes = [("swap", f"use {('starter', sha256)[n % 2]}") for n in range(1, TIMES + 1)]
            for kind, wish in [*wishes, *[("rollback", "back")] * BACK]:
                weights, when = tell(wish)
                seconds[kind].append(visitors.first(weights, when, PATIENCE) - when)
    kinds = {
        kind: {"times": len(taken), "p50": percentile(taken, 0.5), "most": max(taken), "bar": BARS[kind]}
        for kind, taken in seconds.items()
    }
    failed = len(visitors.failures)
    notes["swap"] = {"rate": RATE, "answers": len(visitors.answers) + failed, "failed": failed, "kinds": kinds}
    for kind, row in kinds.items():
        print(f"{kind:<10} p50 {row['p50']:.2f} s, most {row['most']:.2f} s, {row['times']} times")
        name = {"swap": "New weights answer after their deployment", "rollback": "Old weights answer after a rollback"}[
            kind
        ]
        bar(notes, f"{name}, most", f"≤ {row['bar']:g} s", row["most"], "s", row["most"] <= row["bar"])
    bar(notes, "Photos that fail meanwhile", "0", failed, f"of {notes['swap']['answers']:,}", failed == 0)
    print(*visitors.failures[:5], sep="\n")
    assert failed == 0
