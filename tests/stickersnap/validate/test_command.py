"""`python -m stickersnap.validate`: what it prints and how it exits."""

import json
import subprocess
import sys

import pytest
from made_stickers import dot, saved, wastickers

from stickersnap.validate.__main__ import main


@pytest.fixture
def files(tmp_path):
    good, bad = tmp_path / "good.webp", tmp_path / "bad.webp"
    good.write_bytes(saved(dot()))
    bad.write_bytes(saved(dot((600, 300))))
    return good, bad


def test_it_runs_by_its_name(files):
    done = subprocess.run([sys.executable, "-m", "stickersnap.validate", *files], capture_output=True, text=True)
    assert done.returncode == 1
    assert "good.webp: valid for WhatsApp" in done.stdout
    assert "600×300" in done.stdout


def test_status_0_where_all_are_valid(files):
    assert main([str(files[0])]) == 0


def test_fix_writes_a_valid_one_beside_and_leaves_the_original(files, capsys):
    before = files[1].read_bytes()
    assert main([str(files[1]), "--fix"]) == 0
    assert files[1].read_bytes() == before
    assert main([str(files[1].with_name("bad.fixed.webp"))]) == 0
    assert "Fitted into 512×512" in capsys.readouterr().out


def test_json_is_one_object_a_file(files, capsys):
    main([*map(str, files), "--json"])
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["valid"] for one in told] == [True, False]
    assert told[1]["findings"][0]["rule"] == "size"


def test_packs_are_looked_into(pack_file, capsys):
    path = pack_file(wastickers(2))
    assert main([str(path)]) == 1
    assert "takes 3 to 30" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["nowhere.webp"], ["--target", "icq", "x"], []])
def test_status_2_for_what_cannot_be_looked_at(arguments):
    assert main(arguments) == 2


def test_the_list_names_each_target_s_limits(capsys):
    assert main(["--list"]) == 0
    assert "100,000 bytes" in capsys.readouterr().out
