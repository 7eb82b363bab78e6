"""docs/benchmarks/service.md and its plot, from what a run noted."""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COLOURS = {"StickerSnap": "#0a7f5a", "2020 pipeline": "#b0452f", "rembg": "#3b5bb5"}


def bars(found: list[dict[str, Any]]) -> str:
    """The bars, one a line."""
    lines = [
        f"  {'met    ' if b['met'] else 'NOT MET'}  {b['name']:<58} {b['wanted']:<20} {b['measured']}" for b in found
    ]
    return "\n".join(["", "Bars", *lines, ""])


def write(found: dict[str, Any]) -> Path:
    """Writes what was found, the table and the plot; answers the table's path.

    What this run left out (`make bench ARGS='-k load'`) stays as the last run that had it found it.
    """
    folder = ROOT / "docs" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "service.json"
    notes = merged(json.loads(kept.read_text()) if kept.is_file() else {}, found)
    kept.write_text(json.dumps(notes, indent=1, ensure_ascii=False) + "\n")
    missing = {"network", "load", "overload", "large", "overhead", "idle", "memory", "cold"} - notes.keys()
    if missing:
        print(f"Not measured yet, so no report: {', '.join(sorted(missing))}")
        return kept
    plot(notes["load"], folder / "latency.svg")
    plot_memory(notes["memory"], folder / "memory.svg")
    path = folder / "service.md"
    path.write_text("\n".join(page(notes)) + "\n")
    return path


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The newer of every figure, rounded to what can be told apart."""
    again = {bar["name"] for bar in new["bars"]}
    bars = [bar for bar in old.get("bars", []) if bar["name"] not in again] + new["bars"]
    return {**old, "remark": "", **rounded(new), "bars": bars}


def rounded(value: Any) -> Any:
    """The same, its floats with four digits; nan, of nothing measured, as None."""
    if isinstance(value, dict):
        return {name: rounded(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    if isinstance(value, float):
        return float(f"{value:.4g}") if value == value else None
    return value


def page(notes: dict[str, Any]) -> list[str]:
    """The report's lines."""
    return [
        "# Speed of the service",
        "",
        f"{notes['date']}, by `BENCH_WRITE=1 make bench`; written by tests/benchmarks/report.py. The load generator,",
        "one thread on plain sockets with requests made beforehand, ran on the same cores as the servers; what it took",
        "of them stands in the last column, and no figure is corrected for it. The work differs: StickerSnap finds the",
        "edge in the photo, cleans its colours, outlines it and compresses to 100,000 bytes; the baselines answer the",
        "raw cut-out.",
        *(["", notes["remark"]] if notes.get("remark") else []),
        "",
        "```",
        *machine(),
        "```",
        "",
        *table(
            ["", "bar", "measured", ""],
            [[b["name"], b["wanted"], b["measured"], "met" if b["met"] else "**not met**"] for b in notes["bars"]],
        ),
        "",
        "## Photo → sticker through HTTP",
        "",
        "![Latency against offered rate](latency.svg)",
        "",
        "Open loop: a visit begins when it is due; latency counts from then. StickerSnap answers the finished 512×512",
        "WebP (`POST /?target=whatsapp`), both baselines a cut-out PNG; all three run the starter weights. Photos of",
        "at most 600 pixels. Milliseconds. StickerSnap's runs at its most and beyond took turns, ten times four",
        "seconds each; a row is all of its turns.",
        "",
        *table(
            ["server", "rate /s", "goodput /s", "p50", "p95", "p99", "refused", "failed", "generator, cores"],
            [row(name, step) for name, steps in notes["load"].items() for step in steps]
            + [row(f"{name}, 10× its most", step) for name, step in notes["overload"].items()],
        ),
        "",
        f"A refusal under 10× overload took {notes['overload']['StickerSnap']['refused_p50']:.0f} ms (p50), "
        f"{notes['overload']['StickerSnap']['refused_p95']:.0f} ms (p95). The baselines refuse nobody.",
        "",
        "## A 12-megapixel JPEG",
        "",
        "`call` is `POST /?target=whatsapp`; `page` is what the page does: upload (kept in PostgreSQL), sticker, file.",
        "`turned` has the orientation of a phone held upright.",
        "",
        *table(
            ["server", "road", "photo", "rate /s", "p50", "p95", "stages, p50 in ms"],
            [
                [
                    r["server"],
                    r["road"],
                    r["photo"],
                    f"{r['rate']:g}" if r["rate"] else "one at a time",
                    ms(r["p50"]),
                    ms(r["p95"]),
                    stages(r["stages"]),
                ]
                for r in notes["large"]
            ],
        ),
        "",
        "## The network alone",
        "",
        "Pictures of 256×256, one a pass; `plain` is eager torch in float32 with every output computed, as in 2020.",
        "BASNet has random weights.",
        "",
        *table(
            ["network", "how", "pictures/s", "ms a pass"],
            [
                [r["network"], r["how"], f"{r['per_second']:.2f}", f"{r['p50']:.1f}"]
                if "per_second" in r
                else [r["network"], r["how"], r["why"], ""]
                for r in notes["network"]
            ],
        ),
        "",
        "## Memory, start, rest",
        "",
        "![Resident memory against stickers made](memory.svg)",
        "",
        "Of the processes that answer. Photos of 128 pixels, four at a time; of StickerSnap nine cut-outs to each",
        "WhatsApp sticker. First, last: medians of the first and the last fifth of the run, after a hundred others.",
        "",
        *table(
            ["server", "stickers", "seconds", "MiB at first", "MiB at last", "most"],
            [
                [name, f"{m['visits']:,}", ms(m.get("seconds")), *(f"{m[k]:.0f}" for k in ("first", "last", "most"))]
                for name, m in notes["memory"].items()
            ],
        ),
        "",
        *table(
            ["from the command to the first right sticker", "seconds"],
            [[name, f"{seconds:.1f}"] for name, seconds in notes["cold"].items()],
        ),
        "",
        f"Idle, StickerSnap takes {notes['idle']['cores']:.3f} cores; resident are "
        + ", ".join(f"{part} {size:.0f} MiB" for part, size in notes["idle"]["memory"].items())
        + f". Over the bare network ({notes['overhead']['backend']}, {notes['overhead']['bare']:.1f} ms) the service "
        f"adds {notes['overhead']['p50']:.1f} ms at the median, beside decoding, edge and encoding.",
        *(swaps(notes["swap"]) if "swap" in notes else []),
    ]


def swaps(found: dict[str, Any]) -> list[str]:
    """The part about weights that change while photos come in."""
    rows = [
        [kind, str(row["times"]), f"{row['p50']:.1f}", f"{row['most']:.1f}", f"{row['bar']:g}"]
        for kind, row in found["kinds"].items()
    ]
    return [
        "",
        "## Other weights under load",
        "",
        f"{found['rate']:g} photos a second all the while, {found['answers']} in all; {found['failed']} failed.",
        "Seconds from the commit of the deployment to the first answer that names its weights: a process looks for",
        "newer deployments once a second, loads them beside the present ones and tries the golden pictures first.",
        "",
        *table(["", "times", "p50", "most", "bar"], rows),
    ]


def machine() -> list[str]:
    """What scripts/machine.py says."""
    spec = importlib.util.spec_from_file_location("machine", ROOT / "scripts" / "machine.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["machine"] = module
    spec.loader.exec_module(module)
    return list(module.lines())


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]


def row(name: str, step: dict[str, Any]) -> list[str]:
    rate = "six at a time" if step["rate"] is None else f"{step['rate']:.1f}"
    times = [ms(step[key]) for key in ("p50", "p95", "p99")]
    counts = [str(step["refused"]), str(step["failed"]), f"{step['generator_cores']:.2f}"]
    return [name, rate, f"{step['goodput']:.1f}", *times, *counts]


def ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def stages(found: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.0f}" for name, value in found.items()) or "–"


def plot(load: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Median and 95th percentile of latency against the offered rate, a colour a server."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    mpl.rcParams["svg.hashsalt"] = "stickersnap"
    figure, axes = pyplot.subplots(figsize=(7.5, 4.2))
    for name, steps in load.items():
        opened = [step for step in steps if step["rate"] is not None and step["right"]]
        rates = [step["rate"] for step in opened]
        colour = COLOURS.get(name)
        axes.plot(rates, [s["p50"] for s in opened], "o-", color=colour, label=f"{name}, p50")
        axes.plot(rates, [s["p95"] for s in opened], "o--", color=colour, label=f"{name}, p95", markersize=3)
    axes.set_yscale("log")
    axes.set_xlabel("photos offered a second")
    axes.set_ylabel("ms from when it was due")
    axes.set_title("Photo → sticker, open loop")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)


def plot_memory(memory: dict[str, dict[str, Any]], path: Path) -> None:
    """Resident memory against the stickers made, a line a server."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    mpl.rcParams["svg.hashsalt"] = "stickersnap"
    figure, axes = pyplot.subplots(figsize=(7.5, 3.4))
    for name, row in memory.items():
        samples = row.get("samples", [])
        made = [row["visits"] * place / max(1, len(samples) - 1) for place in range(len(samples))]
        axes.plot(made, samples, color=COLOURS.get(name), label=name)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("stickers made")
    axes.set_ylabel("MiB resident")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)
