"""What the editor's benchmark found, as text."""

import datetime
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmarks" / "editor.md"

INTRODUCTION = """# The editor's speed

`BENCH_WRITE=1 make bench ARGS="-k bench_editor"`, {date}.

{machine}

Headless Chromium without a GPU: every pixel is drawn by the processor, on the same cores as the page. *Stroke to paint*
is the time from the pointer's event (its own time stamp, real input through the DevTools protocol) to the end of that
frame on the main thread: handlers, rasterising, composing, drawing. Memory is the private memory (USS) of the page's
renderer process, Chromium's own share included, after a garbage collection. The photo fits a window of 1280 × 800, so
that a brush of 36 screen pixels is 240 photo pixels broad at 4096 × 4096 and twice that at 8192 × 8192. A frame comes
every 16.7 ms, and what a stroke waits for it is counted: of a median of 12 ms the page computes 3 to 5.

Of the strokes for endurance the first and the last sixty are made by the mouse and measured; those between go straight
into the engine, one a frame, each written down before the next. *Scribble to answer* is the time from the end of a
scribble, with the largest circle there is, until its answer is in the mask; the slowest is the first, for which the
worker has to start. Submitting goes to the real service: what is sent is what the fix changed and its packed log, and
the answer comes after the commit.
"""


def table(found: dict[str, Any]) -> str:
    """Every bar with what was measured."""
    lines = ["| what | measured | bar | |", "|---|---|---|---|"]
    for bar in found["bars"]:
        verdict = "met" if bar["found"] <= bar["most"] else "**not met**"
        lines.append(
            f"| {bar['what']} | {bar['found']:.1f} {bar['unit']} | {bar['most']:g} {bar['unit']} | {verdict} |"
        )
    return "\n".join(lines)


def write(found: dict[str, Any]) -> Path:
    """Writes docs/benchmarks/editor.md."""
    command = [sys.executable, "scripts/machine.py"]
    machine = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    load = f"Load average when it ended: {os.getloadavg()[0]:.1f}."
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(f"{INTRODUCTION.format(date=date, machine=machine)}\n{table(found)}\n\n{load}\n")
    return PAGE
