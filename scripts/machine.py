#!/usr/bin/env python3
"""Prints the machine that a measurement is of: processor, cores, memory, accelerator, versions."""

import os
import platform
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

LIBRARIES = ("torch", "onnxruntime", "openvino", "numpy", "pillow", "gunicorn", "django")


def processor() -> str:
    """The processor's name, as the system gives it."""
    if Path("/proc/cpuinfo").exists():
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    if platform.system() == "Darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return platform.machine()


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def accelerator() -> str:
    """The GPU's name, "none" without one or without torch."""
    try:
        import torch
    except ImportError:
        return "none"
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "none"


def versions() -> Iterator[str]:
    """Name and version of each library that matters and is installed."""
    for name in LIBRARIES:
        try:
            yield f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue


def lines() -> Iterator[str]:
    """The machine, a fact a line."""
    yield f"processor    {processor()}, {cores()} cores"
    yield f"memory       {memory_gib():.0f} GiB"
    yield f"accelerator  {accelerator()}"
    yield f"system       {platform.system()} {platform.release()}, Python {platform.python_version()}"
    yield f"libraries    {', '.join(versions())}"


def main() -> None:
    print("\n".join(lines()))


if __name__ == "__main__":
    main()
