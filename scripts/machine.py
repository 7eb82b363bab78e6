#!/usr/bin/env python3
"""Prints the machine that a measurement is of: processor, cores, memory, accelerator, versions."""

import os
import platform
import subprocess
from pathlib import Path

import torch


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


def memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def main() -> None:
    accelerator = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    print(f"processor    {processor()}, {os.cpu_count()} cores")
    print(f"memory       {memory_gib():.0f} GiB")
    print(f"accelerator  {accelerator}")
    print(f"system       {platform.system()} {platform.release()}, Python {platform.python_version()}")
    print(f"torch        {torch.__version__}, {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
