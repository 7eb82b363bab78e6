"""`python -m stickersnap.validate FILE… [--target NAME] [--fix] [--json]`: would the messenger take it?

Exit status 0: every file is valid (with --fix: was made valid); 1: one is not; 2: it cannot be looked at.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from stickersnap.validate import packs
from stickersnap.validate.checking import check, valid
from stickersnap.validate.findings import Finding
from stickersnap.validate.likely import likely_target
from stickersnap.validate.limits import Target, UnknownTargetError, target_get, targets
from stickersnap.validate.mend_pack import mend_pack
from stickersnap.validate.mending import CannotMendError, mend


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = argparse.ArgumentParser(
        prog="python -m stickersnap.validate",
        description="Would the messenger take this sticker or pack? If not: what is wrong, where, how it is mended.",
    )
    made.add_argument("files", nargs="*", type=Path, metavar="FILE", help="a sticker, a .wastickers, a zip or a folder")
    made.add_argument("--target", help="whom it is for; by itself WhatsApp, or what the format tells (see --list)")
    made.add_argument("--fix", action="store_true", help="write a valid one beside it, as NAME.fixed.…")
    made.add_argument("--json", action="store_true", help="one JSON object a file")
    made.add_argument("--list", action="store_true", help="print the targets with their limits")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command. Returns the exit status."""
    args = parser().parse_args(arguments)
    if args.list:
        print("\n".join(described(target) for target in targets().values()))
        return 0
    if not args.files:
        parser().print_usage(sys.stderr)
        return 2
    try:
        named = target_get(args.target) if args.target else None
        return max(_looked_at(file, named, args.fix, args.json) for file in args.files)
    except UnknownTargetError as error:
        print(error, file=sys.stderr)
        return 2


def described(target: Target) -> str:
    """A target's limits in a line."""
    width, height = target.box
    how = "exactly" if target.exact else "longer side exactly" if target.longer else "at most"
    size = f"{width}" if target.longer else f"{width}×{height}"
    kinds = "/".join(kind.upper() for kind in target.formats)
    return f"{target.name:16} {kinds}, {how} {size} pixels, {target.bytes:,} bytes ({target.source}, {target.checked})"


def _looked_at(file: Path, named: Target | None, fix: bool, as_json: bool) -> int:
    try:
        if packs.is_pack(file):
            target = named or target_get("whatsapp")
            findings = packs.check_pack(packs.read(file), target)
        else:
            data = file.read_bytes()
            target = named or likely_target(data)
            findings = check(data, target, file.name)
    except (OSError, packs.PackError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        print(f"{file}: cannot be looked at: {reason}", file=sys.stderr)
        return 2
    good = valid(findings)
    _tell(file, target, findings, good, as_json)
    if fix and not good:
        return _fixed(file, target)
    return 0 if good else 1


def _tell(file: Path, target: Target, findings: list[Finding], good: bool, as_json: bool) -> None:
    if as_json:
        told = {"file": str(file), "target": target.name, "valid": good, "findings": [f.as_dict() for f in findings]}
        print(json.dumps(told, ensure_ascii=False))
        return
    for finding in findings:
        print(finding)
    print(f"{file.name}: {'valid' if good else 'not valid'} for {target.title}")


def _fixed(file: Path, target: Target) -> int:
    try:
        if packs.is_pack(file):
            data, notes = mend_pack(packs.read(file), target)
            written = file.with_name(f"{file.stem}.fixed{file.suffix or '.zip'}")
        else:
            mended = mend(file.read_bytes(), target)
            data, notes = mended.data, list(mended.notes)
            written = file.with_name(f"{file.stem}.fixed.{mended.format.replace('apng', 'png')}")
    except (CannotMendError, packs.PackError) as error:
        print(f"{file.name}: cannot be fixed: {error}", file=sys.stderr)
        return 1
    written.write_bytes(data)
    print("\n".join([*notes, f"Wrote {written}"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
