"""The editor as hands use it, on pages that come and go."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from segmentation import mask as masks

CAT = "chelsea.png"
MARGIN = 16  # CSS pixels that the editor leaves around a photo that fits


class Desk:
    """A page with the editor open on the cat, and what a hand does there."""

    def __init__(self, page: Any, photo: dict[str, Any]) -> None:
        self.page, self.photo = page, photo

    def on(self, page: Any) -> "Desk":
        """The same photo's editor on another page, or again on this one."""
        return Desk(page, self.photo)

    def go(self) -> "Desk":
        self.page.goto(f"/fix/{self.photo['id']}")
        return self.ready()

    def ready(self) -> "Desk":
        expect(self.page.get_by_role("application", name="Mask editor")).to_be_visible()
        expect(self.undo).to_be_visible()
        return self

    @property
    def undo(self) -> Any:
        return self.page.get_by_role("button", name="Undo")

    @property
    def redo(self) -> Any:
        return self.page.get_by_role("button", name="Redo")

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A photo's pixel as a place on the page, while the photo fits the editor."""
        box = self.page.get_by_role("application", name="Mask editor").bounding_box()
        width, height = self.photo["width"], self.photo["height"]
        scale = min((box["width"] - 2 * MARGIN) / width, (box["height"] - 2 * MARGIN) / height, 4)
        left = box["x"] + (box["width"] - width * scale) / 2
        return left + x * scale, box["y"] + (box["height"] - height * scale) / 2 + y * scale

    def erase(self, row: float, lift: bool = True) -> None:
        """A stroke of the eraser along a row, by mouse."""
        self.page.get_by_role("button", name="Eraser").click()
        self.page.mouse.move(*self.at(100, row))
        self.page.mouse.down()
        self.page.mouse.move(*self.at(200, row), steps=6)
        if lift:
            self.page.mouse.up()

    def mask(self) -> np.ndarray:
        """What the editor shows now, by its own download: HxW uint8."""
        self.page.get_by_role("button", name="Mask files").click()
        with self.page.expect_download() as download:
            self.page.get_by_role("menuitem", name="Download mask").click()
        assert download.value.suggested_filename == "chelsea_mask.png"
        return masks.decode_png(Path(download.value.path()).read_bytes(), empty=True)

    def save(self, learn: str | None = "No thanks") -> None:
        self.page.get_by_role("button", name="Save").click()
        if learn:
            self.page.get_by_role("dialog").get_by_role("button", name=learn).click()

    def at_the_maker(self) -> None:
        expect(self.page.get_by_role("article", name=CAT)).to_be_visible()


@pytest.fixture
def desk(make_sticker, photographs, api) -> Callable[[Any], Desk]:
    """Uploads the cat on a page and opens its editor."""

    def sit(page: Any) -> Desk:
        page.goto("/")
        make_sticker(page, photographs / CAT)
        page.get_by_role("article", name=CAT).get_by_role("button", name="Fix").click()
        return Desk(page, api(page).photo(CAT)).ready()

    return sit


@pytest.fixture
def stored() -> Callable[[Any], np.ndarray]:
    """The cat's mask as the service keeps it for whoever asks: HxW uint8."""
    return lambda api: np.asarray(api.picture(api.photo(CAT)["correction"]["mask_url"]))


@pytest.fixture
def write() -> Callable[..., None]:
    """A writing call of the API as the page's person."""

    def write(page: Any, method: str, address: str, **options: Any) -> None:
        token = next(c["value"] for c in page.context.cookies() if c["name"] == "csrftoken")
        answer = getattr(page.context.request, method)(address, headers={"X-CSRFToken": token}, **options)
        assert answer.ok, answer.text()

    return write
