"""The correction editor in headless Chromium: strokes, endurance, memory, opening and submitting.

The editor stands alone on a page (platform/frontend/tests/bench), for the service takes no photo of 67 megapixels;
submitting is measured against the real service in test_submitting. `BENCH_WRITE=1` writes docs/benchmarks/editor.md.
"""

import contextlib
import functools
import http.server
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).parents[2]
FRONTEND = ROOT / "platform" / "frontend"
SETTINGS = {"width": 1280, "height": 800}
STROKES = int(os.environ.get("BENCH_STROKES", "2000"))
MB = 1024 * 1024
# Records for each frame with a stroke in it: from the first event of the frame to the frame's end on the main thread,
# and how much of that the page computed.
WATCH = """() => {
  const canvas = document.querySelector('canvas[role=application]');
  const watch = window.watch = { latency: [], work: [], frame: null };
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    if (!watch.frame) return;
    watch.latency.push(performance.now() - watch.frame.since);
    watch.frame = null;
  };
  canvas.addEventListener('pointermove', (event) => {
    if (!event.buttons || watch.frame) return;
    watch.frame = { since: event.timeStamp };
    requestAnimationFrame(() => channel.port2.postMessage(0));
  }, { capture: true });
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves the bench page without a log."""

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def page_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("editor")
    vite = [FRONTEND / "node_modules" / ".bin" / "vite", "build", "--config", "tests/bench/vite.config.ts"]
    subprocess.run([*vite, "--outDir", folder, "--logLevel", "warn"], cwd=FRONTEND, check=True)
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    command = [sys.executable, "scripts/provision.py", "browser"]
    path = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def results() -> Iterator[dict[str, Any]]:
    found: dict[str, Any] = {"bars": []}
    yield found
    import editor_report

    print(editor_report.table(found))
    if os.environ.get("BENCH_WRITE") == "1":
        print(f"Written: {editor_report.write(found)}")


@contextlib.contextmanager
def opened(chromium: Any, url: str, side: int) -> Iterator[Any]:
    context = chromium.new_context(viewport=SETTINGS)
    page = context.new_page()
    page.set_default_timeout(180_000)
    page.goto(f"{url}?side={side}")
    page.wait_for_function("window.bench")
    yield page
    context.close()


def draw(page: Any, count: int, seed: int = 1) -> None:
    """Strokes by the mouse, each of a dozen moves; after each the editor catches its breath."""
    box = page.get_by_role("application", name="Mask editor").bounding_box()
    middle, reach = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2), min(box["width"], box["height"]) * 0.4
    numbers = _numbers(seed)
    for _ in range(count):
        x, y = (middle[0] + reach * next(numbers), middle[1] + reach * next(numbers))
        page.mouse.move(x, y)
        page.mouse.down()
        for _ in range(12):
            x, y = x + 14 * next(numbers), y + 14 * next(numbers)
            page.mouse.move(x, y)
        page.mouse.up()


def _numbers(seed: int) -> Iterator[float]:
    import random

    source = random.Random(seed)
    while True:
        yield source.uniform(-1, 1)


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1] if len(values) > 1 else values[0]


def bar(results: dict[str, Any], what: str, found: float, most: float, unit: str) -> None:
    results["bars"].append({"what": what, "found": found, "most": most, "unit": unit})
    print(f"{what}: {found:.1f} {unit} (bar {most:g} {unit}): {'met' if found <= most else 'NOT MET'}", flush=True)


def measured(page: Any, count: int, seed: int) -> dict[str, list[float]]:
    page.evaluate(WATCH)
    draw(page, count, seed)
    page.wait_for_timeout(100)
    return dict(page.evaluate("({ latency: window.watch.latency })"))


@pytest.mark.parametrize(("side", "most"), [(4096, 16), (8192, 33)])
def test_stroke_to_paint(chromium: Any, page_url: str, results: dict[str, Any], side: int, most: float) -> None:
    """From the pointer's event to the end of its frame on the main thread."""
    with opened(chromium, page_url, side) as page:
        draw(page, 3)  # warm
        for tool in ("Brush", "Eraser", "Edge brush"):
            page.get_by_role("button", name=tool, exact=True).click()
            latency = measured(page, 30, 2)["latency"]
            assert len(latency) > 30
            name = f"{tool.lower()}, {side} × {side}: stroke to paint, p95"
            bar(results, name, p95(latency), most, "ms")
            results.setdefault("medians", {})[name] = statistics.median(latency)


def test_endurance_memory_and_opening(chromium: Any, page_url: str, results: dict[str, Any]) -> None:
    """2,000 strokes on 4096 × 4096: no slower, and within its memory."""
    with opened(chromium, page_url, 4096) as page:
        bar(results, "opens after its picture is there, 4096 × 4096", page.evaluate("bench.opened"), 300, "ms")
        draw(page, 5)
        first = measured(page, 60, 3)["latency"]
        bar(results, "memory of the page's process, opened, 4096 × 4096", _memory(page), 300, "MB")
        started = time.monotonic()
        page.evaluate(f"bench.strokes({STROKES - 125})")
        results["strokes"] = {"count": STROKES, "seconds": round(time.monotonic() - started)}
        last = measured(page, 60, 3)["latency"]
        slower = 100 * (statistics.mean(last) / statistics.mean(first) - 1)
        bar(results, f"slower after {STROKES} strokes, mean", slower, 10, "%")
        slower = 100 * (p95(last) / p95(first) - 1)
        bar(results, f"slower after {STROKES} strokes, p95", slower, 10, "%")
        bar(results, f"memory after {STROKES} strokes, 4096 × 4096", _memory(page), 300, "MB")
        encoded = page.evaluate("bench.encode()")
        results["encoded"] = {"strokes": STROKES, **encoded}


@pytest.mark.parametrize(("tool", "most"), [("smart", 300), ("hair", 500)])
def test_scribble_to_answer(chromium: Any, page_url: str, results: dict[str, Any], tool: str, most: float) -> None:
    """With the largest circle there is, on a photo of 1,280 pixels; the first one starts the worker as well."""
    with opened(chromium, page_url, 1280) as page:
        times = [page.evaluate(f"bench.scribble('{tool}')") for _ in range(8)]
    bar(results, f"{tool}: scribble to answer, 1280 × 1280, median of 8", statistics.median(times), most, "ms")
    bar(results, f"{tool}: scribble to answer, 1280 × 1280, the slowest of 8", max(times), most, "ms")


SUBMIT = """() => {
  const send = window.fetch;
  window.fetch = async (...call) => {
    const asked = performance.now();
    const answer = await send(...call);
    if (call[1]?.method === 'PUT') {
      window.asked = asked;
      window.answered = performance.now();
      window.sent = (await new Response(call[1].body).arrayBuffer()).byteLength;
    }
    return answer;
  };
  document.addEventListener('click', (event) => {
    if (event.target.closest('button')?.textContent.trim() === 'Save') window.clicked = performance.now();
  }, { capture: true });
}"""


def test_submitting(chromium: Any, results: dict[str, Any], tmp_path: Path) -> None:
    """From the click on Save to the service's answer, which comes after the commit: the whole road, 4096 × 4096."""
    import servers
    from PIL import Image
    from skimage import data

    photo = tmp_path / "astronaut.jpg"
    Image.fromarray(data.astronaut()).resize((4096, 4096), Image.Resampling.LANCZOS).save(photo, quality=85)
    tmp_path.chmod(0o711)
    times, waits, sizes = [], [], []
    with servers.stickersnap(tmp_path / "state") as server:
        context = chromium.new_context(viewport=SETTINGS)
        context.add_init_script(f"({SUBMIT})()")
        page = context.new_page()
        page.set_default_timeout(120_000)
        _wait(f"{server.url}/readyz")
        page.goto(server.url)
        with page.expect_file_chooser() as chooser:
            page.get_by_text("Choose photos").click()
        chooser.value.set_files(photo)
        for turn in range(6):
            page.get_by_role("article", name=photo.name).get_by_role("button", name="Fix").click()
            page.get_by_role("button", name="Undo").wait_for()
            draw(page, 40 if turn == 0 else 4, seed=turn)
            page.get_by_role("button", name="Save").click()
            if turn == 0:
                page.get_by_role("button", name="No thanks").click()
            page.get_by_role("article", name=photo.name).wait_for()
            if turn:  # the first waits for the person's consent
                times.append(page.evaluate("window.answered - window.clicked"))
                waits.append(page.evaluate("window.answered - window.asked"))
                sizes.append(page.evaluate("window.sent"))
        context.close()
    print(f"submits took {_whole(times)} ms, of that the service {_whole(waits)} ms", flush=True)
    bar(results, "submit, click to answer, median of 5, 4096 × 4096", statistics.median(times), 500, "ms")
    bar(results, "submit on the wire after 40 to 60 strokes, 4096 × 4096", max(sizes) / 1000, 250, "kB")


def _whole(times: list[float]) -> str:
    return ", ".join(f"{time:.0f}" for time in times)


def _wait(url: str) -> None:
    import requests

    end = time.monotonic() + 300
    while time.monotonic() < end:
        with contextlib.suppress(requests.RequestException):
            if requests.get(url, timeout=30).ok:
                return
        time.sleep(0.2)
    pytest.fail(f"{url} did not answer.")


def _memory(page: Any) -> float:
    """Private memory (USS) of the renderer process that holds this page, after a garbage collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    page.evaluate("document.title = 'memory ' + (window.mark = Math.random())")
    renderers = [
        process
        for process in psutil.process_iter(["cmdline"])
        if "--type=renderer" in (process.info["cmdline"] or []) and _child_of_ours(process)
    ]
    return max(process.memory_full_info().uss for process in renderers) / MB


def _child_of_ours(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return os.getpid() in [parent.pid for parent in process.parents()]
    return False
