"""`python -m training starter|fine-tune|evaluate`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from training.config import StarterConfig


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    starter = commands.add_parser("starter", help="train basnet-small from its pretrained encoder")
    starter.add_argument("--data", type=Path, required=True)
    starter.add_argument("--evaluate", type=Path)
    starter.add_argument("--encoder", type=Path, default=Path("../shared/weights/encoder_mobilenetv2_050.npz"))
    starter.add_argument("--out", type=Path, required=True)
    starter.add_argument("--minutes", type=float, default=60)
    starter.add_argument("--seed", type=int, default=0)
    starter.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    from training.starter import run

    config = StarterConfig.of({"minutes": args.minutes, "seed": args.seed})
    run(args.data, args.evaluate, args.out, args.encoder, config, args.resume)
    return 0


if __name__ == "__main__":
    sys.exit(main())
