"""The network alone, photo to sticker through HTTP, overload, memory, cold start, against two baselines.

`make bench` runs it; `BENCH_MEMORY=10000 make bench` takes the whole of the memory run, `BENCH_WRITE=1` writes the
report. Nothing here fails for being slow: bars are printed as met or not met. A baseline that can't be had, or dies, is
left out.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import servers
from load import Answer, percentile, summary

from segmentation import networks

pytestmark = pytest.mark.timeout(3600)

HERE = Path(__file__).parent
STARTER = servers.ROOT / "segmentation" / "starter"
STEP_SECONDS = float(os.environ.get("BENCH_SECONDS", "6"))
FULL_SECONDS = 2 * STEP_SECONDS  # of the run that finds out what a server can do
TURNS, TURN_SECONDS = 10, 4.0  # of StickerSnap's runs that are compared: a shared machine's speed comes and goes
MEMORY_VISITS = int(os.environ.get("BENCH_MEMORY", "1000"))
MEMORY_STEPS = 50
MEMORY_PATHS = [("/", "PNG")] * 9 + [("/?target=whatsapp", "WEBP")]  # mostly the road that is quickest
SHARES = (0.3, 0.6, 0.8, 0.95, 1.2)
CROWD = 6
OURS = "StickerSnap"
NO_REMBG = "rembg is not installed (.venv-rembg): its rows are left out"


def child(script: str, *arguments: str, **plan: Any) -> dict[str, Any]:
    """What a script of this folder prints as JSON; a plan goes to its standard input."""
    environment = {name: value for name, value in os.environ.items() if name not in servers.INHERITED}
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments],
        input=json.dumps(plan),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def visits(server: servers.Server, photos: list[Path], **plan: Any) -> dict[str, Any]:
    """One run of the load generator, in a process of its own."""
    return child("load.py", **{**server.call(), "photos": [str(photo) for photo in photos], **plan})


def say(*columns: object, widths: tuple[int, ...] = (22, 14, 10, 10, 10, 10, 10, 10, 14)) -> None:
    """One line of a table."""
    texts = [f"{c:.1f}" if isinstance(c, float) else str(c) for c in columns]
    print("".join(text.ljust(width) for text, width in zip(texts, widths, strict=False)))


def bar(notes: dict, name: str, wanted: str, measured: float, unit: str, met: bool) -> None:
    notes["bars"].append({"name": name, "wanted": wanted, "measured": f"{measured:.1f} {unit}", "met": met})


# (a) The network alone


@pytest.fixture(scope="session")
def basnet(folder: Path) -> Path:
    """The whole BASNet with random weights (none are published here), with the ONNX form that CPUs serve from."""
    place = folder / "basnet"
    make = (
        "import sys, torch; from pathlib import Path; from segmentation import forms, networks, saving;"
        "torch.manual_seed(0); folder = Path(sys.argv[1]);"
        "saving.save(folder, networks.build('basnet'), {'network': 'basnet', 'size': 256});"
        "forms.make(folder, names=('onnx',))"
    )
    done = subprocess.run([sys.executable, "-c", make, str(place)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"BASNet goes without its ONNX form: {done.stderr.strip().splitlines()[-1]}")
    return place


def test_network_alone(notes: dict, basnet: Path) -> None:
    print("\n\n(a) Network alone, pictures of 256×256, in a process of its own")
    say("network", "how", "batch", "per s", "ms a pass")
    rows = notes["network"] = []
    for name, weights in ((networks.SHIPPED, STARTER), ("basnet", basnet)):
        for how in ("plain", "torch-cpu", "onnxruntime", "openvino", "torch-cuda"):
            row = figures(name, weights, how)
            rows.append(row)
            say(name, how, row.get("batch", ""), row.get("per_second", row.get("why")), row.get("p50", ""))
    rows.append({**figures("basnet", basnet, "torch-cuda", "--batch", "0"), "how": "torch-cuda, batch"})
    of_basnet = {row["how"]: row for row in rows if row["network"] == "basnet" and "per_second" in row}
    if plain := of_basnet.get("plain"):
        times = max(row["per_second"] for row in of_basnet.values()) / plain["per_second"]
        bar(notes, "BASNet against the plain pipeline", "≥ 2×", times, "×", times >= 2)
    on_cuda(notes, of_basnet)
    assert of_basnet


def figures(name: str, weights: Path, how: str, *more: str) -> dict[str, Any]:
    """A row of (a); `why` there is none."""
    if how == "torch-cuda" and not cuda():
        return {"network": name, "how": how, "why": "no CUDA device"}
    try:
        return {"network": name, "how": how, **child("network_speed.py", str(weights), "--how", how, *more)}
    except AssertionError as error:
        return {"network": name, "how": how, "why": str(error).strip().splitlines()[-1][:90]}


def cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def on_cuda(notes: dict, rows: dict[str, dict[str, Any]]) -> None:
    """The bars of a GPU, where there is one."""
    if not cuda():
        print("CUDA: no CUDA device; its bars are not measured here")
        return
    single, batch = rows["torch-cuda"], rows["torch-cuda, batch"]
    bar(notes, "BASNet on CUDA, bf16", "≥ 1,200 pictures/s", batch["per_second"], "/s", batch["per_second"] >= 1200)
    gain, added = batch["per_second"] / single["per_second"], batch["p50"] - single["p50"]
    met = gain >= 4 and added <= 10
    bar(notes, "Gain by batches on CUDA", "≥ 4× for ≤ 10 ms", gain, f"× for {added:.1f} ms", met)


# (b) and (d): photo to sticker through HTTP, and the cold start


Start = Callable[[], contextlib.AbstractContextManager[servers.Server]]


@pytest.fixture(scope="session")
def starts(folder: Path) -> dict[str, Start]:
    """How each server is started; each time the same way, StickerSnap with what it kept."""
    found: dict[str, Start] = {
        OURS: lambda: servers.stickersnap(folder / "state"),
        "2020 pipeline": lambda: servers.plain(folder, STARTER / "weights.safetensors"),
    }
    graph = folder / "u2net" / "starter.onnx"  # the starter weights as rembg reads them
    if not servers.REMBG.is_file():
        print(NO_REMBG)
    elif subprocess.run(
        [sys.executable, str(HERE / "rembg_weights.py"), str(STARTER), str(graph)], check=False
    ).returncode:
        print("The starter weights can't be made into what rembg reads: its rows are left out")
    else:
        found["rembg"] = lambda: servers.rembg(folder, graph)
    return found


def on_each(starts: dict[str, Start], measure: Callable[[str, servers.Server], None]) -> None:
    """Measures each server, freshly started. A baseline that fails is left out of this part alone."""
    for name, start in starts.items():
        try:
            with start() as server:
                measure(name, server)
        except Exception as error:  # whatever another program fails by
            if name == OURS:
                raise
            print(f"{name} is left out: {type(error).__name__}: {error}")


def test_cold_start(notes: dict, starts: dict[str, Start], folder: Path, photos: dict[str, list[Path]]) -> None:
    print("\n\n(d) From the command to the first right sticker, seconds")
    notes["cold"] = {}
    with servers.stickersnap(folder / "fresh") as server:
        notes["cold"]["StickerSnap, first start ever (makes its database)"] = servers.first_answer(
            server, photos["small"][0]
        )

    def measure(name: str, server: servers.Server) -> None:
        notes["cold"][name] = servers.first_answer(server, photos["small"][0])

    for _ in range(2):  # at first files come into the page cache, and StickerSnap's database is made
        on_each(starts, measure)
    for name, seconds in notes["cold"].items():
        say(name, seconds, widths=(60, 10))
    assert all(seconds > 0 for seconds in notes["cold"].values())


def test_load(notes: dict, starts: dict[str, Start], photos: dict[str, list[Path]]) -> None:
    print(
        "\n\n(b) Photo → sticker through HTTP: small photos (≤ 600 pixels), open loop; times in ms from when it was due"
    )
    notes["load"], notes["overload"], notes["idle"] = {}, {}, {}

    def measure(name: str, server: servers.Server) -> None:
        servers.first_answer(server, photos["small"][0])
        visits(server, photos["small"], crowd=4, visits=12)
        notes["load"][name] = rows = sweep(server, photos["small"])
        if ours(server):
            overhead(notes, server, photos["small"])
            idle(notes, server)
            rows[0], rows[-1], notes["overload"][name] = in_turn(server, photos["small"], rows[0]["goodput"])
        else:
            notes["overload"][name] = at(server, photos["small"], 10 * rows[0]["goodput"], 2.0)  # they refuse nobody
            line("10× the most", notes["overload"][name])
        notes["overload"][name] |= {"peak": max(row["goodput"] for row in rows), "memory": server.memory()}
        assert rows[0]["right"] == rows[0]["visits"]

    on_each(starts, measure)
    compared(notes)


def test_large(notes: dict, starts: dict[str, Start], photos: dict[str, list[Path]]) -> None:
    print("\n\n(b) Photo → sticker through HTTP: JPEGs of 12 megapixels")
    say("", *HEAD)
    notes["large"] = []

    def measure(_: str, server: servers.Server) -> None:
        servers.first_answer(server, photos["small"][0])
        large(notes, server, photos)

    on_each(starts, measure)
    for row in notes["large"]:
        if row["server"] == OURS:
            assert row["right"]
            road = {"call": "one call", "page": "upload, sticker, file"}[row["road"]]
            name = f"12 MP JPEG → sticker, {road}, {row['photo']}, p50"
            bar(notes, name, "≤ 350 ms", row["p50"], "ms", row["p50"] <= 350)


def ours(server: servers.Server) -> bool:
    return server.name == OURS


HEAD = ("rate /s", "goodput", "p50", "p95", "p99", "refused", "failed", "generator")


def sweep(server: servers.Server, photos: list[Path]) -> list[dict[str, Any]]:
    """Latency at shares of what the server can do, which a crowd finds out first."""
    crowd = visits(server, photos, crowd=CROWD, seconds=FULL_SECONDS)
    most = crowd["goodput"]
    print(f"\n{server.name}: six at a time get {most:.1f} stickers a second")
    say("", *HEAD)
    rows = [{"rate": None, **crowd}]
    for share in SHARES:
        row = at(server, photos, share * most, STEP_SECONDS)
        rows.append(row)
        line(f"{share:.0%} of that", row)
    return rows


def at(server: servers.Server, photos: list[Path], rate: float, seconds: float) -> dict[str, Any]:
    return {"rate": rate, **visits(server, photos, rate=rate, seconds=seconds)}


def in_turn(server: servers.Server, photos: list[Path], most: float) -> list[dict[str, Any]]:
    """A crowd, a fifth more than the most, and ten times that, again and again; of each all its runs together."""
    loads = [{"crowd": CROWD}, {"rate": SHARES[-1] * most}, {"rate": 10 * most}]
    runs = [[visits(server, photos, **load, seconds=TURN_SECONDS, each=True) for load in loads] for _ in range(TURNS)]
    rows = [
        {"rate": load.get("rate"), **together(list(same))}
        for load, same in zip(loads, zip(*runs, strict=True), strict=True)
    ]
    for label, row in zip(("six at a time", "120 %", "10× the most"), rows, strict=True):
        line(label, row)
    return rows


def together(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Several runs as one: goodput over the sum of their times."""
    answers = [Answer(**answer) for run in runs for answer in run["answers"]]
    seconds = sum(run["right"] / run["goodput"] for run in runs)
    cores = sum(run["generator_cores"] for run in runs) / len(runs)
    return {**summary(answers, seconds), "generator_cores": cores}


def line(label: str, row: dict[str, Any]) -> None:
    columns = (row["rate"] or "–", row["goodput"], row["p50"], row["p95"], row["p99"], row["refused"], row["failed"])
    say(label, *columns, f"{row['generator_cores']:.2f} cores")


def large(notes: dict, server: servers.Server, photos: dict[str, list[Path]]) -> None:
    """12-megapixel JPEGs on every road that the server has; to the baselines, which take seconds, one at a time."""
    roads = [("call", "large")]
    if ours(server):
        roads += [("call", "turned"), ("page", "large"), ("page", "turned")]
    for road, kind in roads:
        pace = {"rate": 1.0, "visits": 12} if ours(server) else {"crowd": 1, "visits": 3}
        visits(server, photos[kind], road=road, crowd=1, visits=2)
        row = {"server": server.name, "road": road, "photo": kind, "rate": pace.get("rate")}
        row |= visits(server, photos[kind], road=road, **pace)
        notes["large"].append(row)
        line(f"12 MP, {kind}, {road}", row)
        if row["stages"]:
            print("    " + ", ".join(f"{stage} {ms:.0f} ms" for stage, ms in row["stages"].items()))


def overhead(notes: dict, server: servers.Server, photos: list[Path]) -> None:
    """What the service adds to the bare network, beside decoding, the edge and encoding, with nobody else about."""
    rate = 2.0
    answers = visits(server, photos, rate=rate, visits=40, each=True)["answers"]
    beside = ("decode", "edge", "encode")
    left = [
        1000 * (a["done"] - a["due"]) - sum(a["stages"].get(stage, 0.0) for stage in beside)
        for a in answers
        if a["right"]
    ]
    bare = child("network_speed.py", str(STARTER), "--how", "auto", "--pause", str(1 / rate), "--seconds", "0.4")
    added = percentile(left, 0.5) - bare["p50"]
    notes["overhead"] = {"p50": added, "bare": bare["p50"], "backend": bare["backend"]}
    bar(notes, "Service over the bare network, p50", "≤ 8 ms", added, "ms", added <= 8)


def idle(notes: dict, server: servers.Server) -> None:
    """Processor and memory that nobody's photos cost."""
    time.sleep(2)
    before = server.cpu()
    time.sleep(10)
    notes["idle"] = {"cores": (server.cpu() - before) / 10, "memory": server.all_memory()}
    parts = ", ".join(f"{part} {size:.0f} MiB" for part, size in notes["idle"]["memory"].items())
    print(f"idle: {notes['idle']['cores']:.3f} cores; resident: {parts}")


def compared(notes: dict) -> None:
    """Bars of (b)."""
    most = notes["overload"][OURS]
    share = 100 * most["goodput"] / most["peak"]
    bar(notes, "Goodput at 10× overload, of the most there is", "≥ 90 %", share, "%", share >= 90)
    refused = most["refused_p50"]
    bar(notes, "A refusal under 10× overload, p50", "< 50 ms", refused, "ms", refused < 50)
    if cuda():
        peak = most["peak"]
        bar(notes, "Stickers through HTTP on a GPU", "≥ 150 /s", peak, "/s", peak >= 150)


# (c) Memory


def test_memory(notes: dict, starts: dict[str, Start], photos: dict[str, list[Path]]) -> None:
    """Photos of 128 pixels: what a request leaves behind does not depend on its size, and ten thousand take minutes.

    Memory is looked at after every fiftieth part of the visits.
    """
    print(f"\n\n(c) Resident memory of the processes that answer, over {MEMORY_VISITS} stickers, four at a time")
    notes["memory"] = {}

    def measure(name: str, server: servers.Server) -> None:
        count = MEMORY_VISITS if ours(server) else min(MEMORY_VISITS, 300)
        paths = MEMORY_PATHS if ours(server) else [(server.path, server.magic)]
        servers.first_answer(server, photos["small"][0])
        visits(server, photos["tiny"], paths=paths, crowd=4, visits=100)
        done, samples, began = 0, [server.memory()], time.perf_counter()
        for _ in range(MEMORY_STEPS):
            done += visits(server, photos["tiny"], paths=paths, crowd=4, visits=max(1, count // MEMORY_STEPS))["right"]
            samples.append(server.memory())
        seconds = time.perf_counter() - began
        row = notes["memory"][name] = {"visits": done, "seconds": seconds, "samples": samples, **drift(samples)}
        mib = f"{row['first']:.0f} MiB → {row['last']:.0f} MiB, most {row['most']:.0f}"
        print(f"{name:<22}{mib}, {done:,} stickers in {seconds:.0f} s")

    on_each(starts, measure)
    row = notes["memory"][OURS]
    grown = row["last"] - row["first"]
    flat = grown <= max(10.0, 0.02 * row["first"])
    bar(notes, "Resident memory grown", "≤ 10 MiB or 2 %", grown, f"MiB in {row['visits']:,} stickers", flat)


def drift(samples: list[float]) -> dict[str, float]:
    """Medians of the first and the last fifth, and the most, in MiB."""
    fifth = max(1, len(samples) // 5)
    first, last = percentile(samples[:fifth], 0.5), percentile(samples[-fifth:], 0.5)
    return {"first": first, "last": last, "most": max(samples)}
