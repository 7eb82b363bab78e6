"""Forms in 8 bits on processors and in browsers other than those they were made on."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from segmentation import forms, weights
from segmentation.backends import choose
from segmentation.backends.onnxruntime import OnnxRuntime
from segmentation.export_onnx import as_form
from segmentation.forms import FORMS, FormError, answers, difference

ROOT = Path(__file__).parents[2]
LEVEL = 1 / 255


@pytest.fixture(scope="module")
def static(graph: onnx.ModelProto, real: np.ndarray) -> onnx.ModelProto:
    return as_form(graph, "int8-static", list(real))


def test_static_int8_answers_real_pictures_nearly_as_torch_does(
    static: onnx.ModelProto, expected: np.ndarray, real: np.ndarray
) -> None:
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in static.graph.node}
    found = difference(expected, answers(OnnxRuntime(static.SerializeToString(), real.shape[1]), real))
    assert found.mean <= FORMS["int8-static"].most_mean
    assert found.mean_iou >= FORMS["int8-static"].least_iou


def test_static_int8_multiplies_nothing_that_saturates_on_processors_without_vnni(static: onnx.ModelProto) -> None:
    kinds = [numpy_helper.to_array(part).dtype for part in static.graph.initializer if "_quantized" in part.name]
    assert kinds.count(np.dtype(np.uint8)) > 50, "the weights of its convolutions"
    assert np.dtype(np.int8) not in kinds


def test_static_int8_is_not_made_of_few_pictures(
    bare: Path, real: np.ndarray, graph: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segmentation.forms.export", lambda *_: graph)
    with pytest.raises(ValueError, match="at least eight"):
        as_form(graph, "int8-static", list(real[:7]))
    with pytest.raises(FormError, match="at least eight"):
        forms.make(bare, list(real[:2]), names=("onnx", "int8-static"))
    assert list(weights.inspect(bare).card["forms"]) == ["onnx"]


def with_forms(folder: Path, **graphs: bytes) -> weights.WeightsSet:
    """The set in `folder` with these graphs as its forms, by name ("_" for "-")."""
    card = weights.read_card(folder)
    card["forms"] = {}
    for name, data in graphs.items():
        path = folder / FORMS[name.replace("_", "-")].file
        path.write_bytes(data)
        entry = {"file": path.name, "sha256": weights.digest(path), "bytes": len(data)}
        card["forms"][name.replace("_", "-")] = entry
    weights.write_card(folder, card)
    return weights.inspect(folder)


def test_a_form_in_8_bits_that_is_right_on_this_processor_serves(bare: Path, graph: onnx.ModelProto) -> None:
    good = as_form(graph, "fp16").SerializeToString()
    backend = choose(with_forms(bare, onnx=good, int8_static=good), "cpu", "onnxruntime")
    assert backend.half, "it is held to what numbers of fewer bits allow"
    assert served(backend) == "weights.int8-static.onnx"


def test_a_form_in_8_bits_that_is_wrong_on_this_processor_is_not_used_and_the_log_says_so(
    bare: Path, graph: onnx.ModelProto, caplog: pytest.LogCaptureFixture
) -> None:
    spoilt = as_form(graph, "int8")
    for tensor in spoilt.graph.initializer:
        if tensor.name.endswith(".scale"):
            values = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(values * np.float32(3), tensor.name))
    float_form = as_form(graph, "fp16").SerializeToString()
    found = with_forms(bare, onnx=float_form, int8_static=spoilt.SerializeToString())
    backend = choose(found, "cpu", "onnxruntime")
    assert not backend.half
    assert served(backend) == weights.ONNX
    assert "do not serve these weights on this processor" in caplog.text
    assert "The form onnx serves instead" in caplog.text


def served(backend: object) -> str:
    return Path(backend.session._model_path).name  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def in_a_browser(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes, np.ndarray], np.ndarray]:
    """What a graph answers to pictures (N×S×S×3) in WebAssembly: N×2×S×S."""
    folder = tmp_path_factory.mktemp("wasm")

    def run(graph: bytes, pictures: np.ndarray) -> np.ndarray:
        (folder / "graph.onnx").write_bytes(graph)
        (folder / "pictures").write_bytes(pictures.tobytes())
        side = pictures.shape[1]
        files = [str(folder / name) for name in ("graph.onnx", "pictures")]
        command = ["sh", "scripts/npm.sh", "run", "--silent", "wasm", "--", *files, str(side), str(folder / "out")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return np.fromfile(folder / "out", np.float32).reshape(len(pictures), 2, side, side)

    return run


def test_the_browsers_form_answers_in_webassembly_as_torch_does(
    expected: np.ndarray, real: np.ndarray, in_a_browser: Callable[[bytes, np.ndarray], np.ndarray]
) -> None:
    path = weights.inspect("starter").form("int8")
    assert path is not None
    there = in_a_browser(path.read_bytes(), real[::3])
    found = difference(expected[::3], there)
    assert found.mean <= FORMS["int8"].most_mean
    assert found.mean_iou >= FORMS["int8"].least_iou
    here = answers(OnnxRuntime(path, real.shape[1]), real[::3])
    assert difference(here, there).mean <= LEVEL / 10, "it computes in float32 there as here"


def test_static_int8_answers_in_webassembly_as_here_but_for_rounding(
    static: onnx.ModelProto, real: np.ndarray, in_a_browser: Callable[[bytes, np.ndarray], np.ndarray]
) -> None:
    data = static.SerializeToString()
    found = difference(answers(OnnxRuntime(data, real.shape[1]), real[::6]), in_a_browser(data, real[::6]))
    assert found.mean <= 0.01, "roundings differ (.006 was measured); saturation would be .03"
    assert found.mean_iou >= 0.98
