"""The real service and a real browser: `manage.py up` with its own PostgreSQL, and Chromium driven by Playwright.

The browser lives as long as one module: Playwright's event loop must be gone before tests that use the ORM run.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image
from up import Up

ROOT = Path(__file__).parents[2]
SCREENSHOTS = Path(__file__).parent / "screenshots"
PASSWORD = "long-enough-for-olga"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 60  # seconds for something that happens by itself
SETTLED = """Promise.all(document.getAnimations()
    .filter(each => each.effect.getComputedTiming().endTime < Infinity)
    .map(each => each.finished.catch(() => {})))"""


class Stack(Up):
    """The service of all these tests."""

    def __init__(self, state: Path) -> None:
        super().__init__(state, state / "terminal.txt")

    def ensure(self) -> None:
        """Have it running and ready, whatever a test did to it before."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        self.wait_for(self.ready, "a ready service")

    def start(self) -> None:
        """Until it says that it runs."""
        super().start()
        self.wait_for(lambda: "stop      Ctrl-C" in self.printed, "a service that says it runs", seconds=300)

    def pids(self) -> dict[str, int]:
        """Process ids of `web`, `worker` and `postgres`, as the service itself noted them."""
        web, worker = (pid for pid, _ in json.loads((self.state / "up.json").read_text())["children"])
        postgres = int((self.state / "postgres" / "postmaster.pid").read_text().split()[0])
        return {"web": web, "worker": worker, "postgres": postgres}

    def processes(self) -> list[psutil.Process]:
        """`manage.py up`, everything it started, and the postmaster with its backends."""
        assert self.process is not None
        roots = [psutil.Process(self.process.pid), psutil.Process(self.pids()["postgres"])]
        return [process for root in roots for process in (root, *root.children(recursive=True))]


@pytest.fixture(scope="session")
def only_stack() -> Iterator[Stack]:
    if not (ROOT / "platform" / "frontend" / "dist" / "index.html").is_file():
        pytest.fail("The page is not built: run `make frontend`.")
    with tempfile.TemporaryDirectory(prefix="stickersnap-e2e-", ignore_cleanup_errors=True) as folder:
        state = Path(folder).resolve()
        state.chmod(0o711)
        for picture in SCREENSHOTS.glob("*.png"):
            picture.unlink()
        stack = Stack(state)
        yield stack
        if stack.process is not None and stack.process.poll() is None:
            stack.stop()


@pytest.fixture
def stack(only_stack: Stack) -> Stack:
    """The service, running and ready."""
    only_stack.ensure()
    return only_stack


@pytest.fixture(scope="module")
def playwright():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright):
    command = [sys.executable, "scripts/provision.py", "browser"]
    path = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    assert path, "No Chromium: run `python scripts/provision.py`."
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE * 1000)
    chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
    yield chromium
    chromium.close()


@pytest.fixture
def person(browser, stack: Stack, request: pytest.FixtureRequest):
    """Makes browser contexts, each a person with cookies of their own; complains about errors in their pages."""
    contexts, complaints = [], []

    def make(**options: Any):
        desktop = {"viewport": {"width": 1280, "height": 900}}
        context = browser.new_context(base_url=stack.url, locale="en-GB", **desktop | options)
        context.set_default_timeout(PATIENCE * 1000)
        # Somebody must listen before a key opens the chooser: only then does the browser hand it over.
        context.on("page", lambda page: page.on("filechooser", lambda chooser: None))
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        context.on("console", lambda message: _note(message, complaints))
        contexts.append(context)
        return context

    yield make
    if getattr(request.node, "failed", False):
        for number, page in enumerate(page for context in contexts for page in context.pages):
            _screenshot(page, request.node.name, f"failed-{number}")
    for context in contexts:
        context.close()
    assert complaints == []


def _note(message: Any, complaints: list[str]) -> None:
    # What the server refuses is shown to the person; Chromium notes every such answer as well.
    if message.type == "error" and not message.text.startswith("Failed to load resource"):
        complaints.append(message.text)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    if report.when == "call":
        item.failed = report.failed  # type: ignore[attr-defined]
    return report


@pytest.fixture
def page(person):
    """A fresh person's page, at the maker."""
    page = person().new_page()
    page.goto("/")
    return page


@pytest.fixture(scope="session")
def olga(only_stack: Stack) -> str:
    """The name of an operator; the password is PASSWORD. Operators may review, too."""
    only_stack.ensure()
    done = only_stack.manage("operator", "olga", STICKERSNAP_OPERATOR_PASSWORD=PASSWORD)
    assert done.returncode == 0, done.stderr
    return "olga"


@pytest.fixture(scope="session")
def password() -> str:
    return PASSWORD


@pytest.fixture(scope="module")
def olgas_cookies(browser, only_stack: Stack, olga: str) -> dict[str, Any]:
    """The state of a browser in which Olga has logged in."""
    context = browser.new_context(base_url=only_stack.url)
    page = context.new_page()
    page.goto("/login")
    page.get_by_label("Username").fill(olga)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Releases").wait_for()
    state: dict[str, Any] = context.storage_state()
    context.close()
    return state


@pytest.fixture
def olgas_page(person, olgas_cookies: dict[str, Any]):
    """A page of Olga's, who has logged in."""
    return person(storage_state=olgas_cookies).new_page()


@pytest.fixture
def shot(request: pytest.FixtureRequest) -> Callable[[Any, str], None]:
    """Saves what a page shows as tests/e2e/screenshots/<test>-<name>.png."""
    return lambda page, name: _screenshot(page, request.node.name, name)


def _screenshot(page: Any, test: str, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / (re.sub(r"[^\w-]+", "-", f"{test}-{name}") + ".png"))


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with astronaut.jpg, chelsea.png (a cat), coffee.jpg, and grey.png, which shows nothing."""
    from skimage import data

    folder = tmp_path_factory.mktemp("photographs")
    Image.fromarray(data.astronaut()).save(folder / "astronaut.jpg", quality=95)
    Image.fromarray(data.chelsea()).save(folder / "chelsea.png")
    Image.fromarray(data.coffee()).save(folder / "coffee.jpg", quality=95)
    Image.new("RGB", (320, 240), (128, 128, 128)).save(folder / "grey.png")
    return folder


@pytest.fixture
def choose() -> Callable[..., None]:
    """Chooses files by the maker's button, with the mouse."""

    def choose(page: Any, *files: Path) -> None:
        with page.expect_file_chooser() as chooser:
            page.get_by_text("Choose photos").click()
        chooser.value.set_files(list(files))

    return choose


@pytest.fixture
def make_sticker(choose: Callable[..., None]) -> Callable[..., Any]:
    """Uploads one photo on the maker and waits for its sticker; answers its card."""

    def make(page: Any, photo: Path) -> Any:
        choose(page, photo)
        card = page.get_by_role("article", name=photo.name)
        card.get_by_alt_text(f"Sticker of {photo.name}").wait_for()
        return card

    return make


@pytest.fixture(scope="session")
def barriers() -> Callable[[Any], list[str]]:
    """What on a page keeps people out, by axe-core: its critical and serious findings, one line each."""
    axe = (ROOT / "platform" / "frontend" / "node_modules" / "axe-core" / "axe.min.js").read_text()

    def find(page: Any) -> list[str]:
        if not page.evaluate("'axe' in window"):
            page.evaluate(axe)
        page.evaluate(SETTLED)
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        return [
            f"{rule['id']}: {node['target']} {node['failureSummary']}"
            for rule in found["violations"]
            if rule["impact"] in {"critical", "serious"}
            for node in rule["nodes"]
        ]

    return find


class Api:
    """What a page's person could ask the service with their own cookies."""

    def __init__(self, page: Any) -> None:
        self.request = page.context.request

    def json(self, path: str) -> Any:
        answer = self.request.get(path)
        assert answer.ok, f"{path}: {answer.status} {answer.text()}"
        return answer.json()

    def photo(self, name: str) -> dict[str, Any]:
        """The newest photo of that name."""
        found = [photo for photo in self.json("/api/v1/photos/")["results"] if photo["name"] == name]
        assert found, f"no photo is named {name}"
        return dict(found[0])

    def picture(self, path: str) -> np.ndarray:
        """A picture's pixels: HxW for a mask, HxWx3 or HxWx4 otherwise, uint8."""
        import io

        answer = self.request.get(path)
        assert answer.ok, f"{path}: {answer.status}"
        return np.asarray(Image.open(io.BytesIO(answer.body())))


@pytest.fixture
def api() -> Callable[[Any], Api]:
    """The API as a page's person sees it."""
    return Api
