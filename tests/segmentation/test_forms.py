"""torch, ONNX, 16-bit and 8-bit forms of the same network answer the same on real pictures."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from segmentation import forms, networks, picture, quantise, saving, weights
from segmentation.backends import Backend, DeviceError, choose
from segmentation.backends.onnxruntime import OnnxRuntime
from segmentation.backends.torch_cpu import TorchCpu
from segmentation.export_onnx import as_form, export, main, spread
from segmentation.forms import FORMS, USUAL, FormError, answers, difference
from segmentation.graph import Served, folded

SIZE = weights.inspect(weights.STARTER).size


@pytest.fixture(scope="module")
def starter() -> weights.LoadedWeights:
    return weights.load("starter")


def backend_of(model: onnx.ModelProto, size: int = SIZE) -> OnnxRuntime:
    return OnnxRuntime(model.SerializeToString(), size)


def alphas(maps: np.ndarray) -> np.ndarray:
    return (maps[:, 0] * 255).round()


@pytest.mark.parametrize(
    ("form", "worst", "mean", "iou"),
    [("fp32", 1e-3, 1e-5, 0.9999), ("fp16", 0.02, 1e-4, 0.999), ("int8", 1, 0.01, 0.97)],
)
def test_a_form_answers_real_pictures_as_torch_does(
    graph: onnx.ModelProto, expected: np.ndarray, real: np.ndarray, form: str, worst: float, mean: float, iou: float
) -> None:
    model = as_form(graph, form)
    found = difference(expected, answers(backend_of(model), real))
    assert found.worst <= worst
    assert found.mean <= mean
    assert found.mean_iou >= iou


@pytest.mark.parametrize("name", ["onnx", "int8"])
def test_shipped_forms_are_of_the_shipped_weights(
    starter: weights.LoadedWeights, expected: np.ndarray, real: np.ndarray, name: str
) -> None:
    found = weights.inspect("starter")
    path = found.form(name)
    assert path is not None, "make them with `make starter-forms`"
    assert path.stat().st_size == found.card["forms"][name]["bytes"]
    apart = difference(expected, answers(OnnxRuntime(path, found.size), real))
    assert apart.mean <= FORMS[name].most_mean
    assert apart.mean_iou >= FORMS[name].least_iou


def test_the_browsers_form_keeps_its_size() -> None:
    path = weights.inspect("starter").form("int8")
    assert path is not None
    assert path.stat().st_size <= forms.BROWSER_BYTES == 6_000_000


def test_smaller_forms_are_smaller(graph: onnx.ModelProto) -> None:
    whole, half, eighth = (as_form(graph, form).ByteSize() for form in ("fp32", "fp16", "int8"))
    assert half < 0.55 * whole
    assert eighth < 0.35 * whole
    with pytest.raises(ValueError, match="choose one of"):
        as_form(graph, "int4")


@pytest.mark.parametrize("backend_name", ["onnxruntime", "openvino"])
def test_a_batch_is_answered_as_its_pictures_are(backend_name: str, real: np.ndarray) -> None:
    backend = opened(backend_name)
    alone = answers(backend, real[:4])
    for count in range(min(4, backend.batch_limit) + 1):
        together = backend.run(real[:count])
        assert together.shape == (count, 2, SIZE, SIZE)
        assert together.dtype == np.float32
        assert np.allclose(together, alone[:count], atol=1e-4)
    with pytest.raises(ValueError, match="N at most"):
        backend.run(np.zeros((backend.batch_limit + 1, SIZE, SIZE, 3), np.uint8))


def opened(name: str) -> Backend:
    if name == "openvino":
        pytest.importorskip("openvino", reason="OpenVINO is not installed here")
    return choose(weights.inspect("starter"), "cpu", name, threads=1)


def test_openvino_answers_real_pictures_nearly_as_torch_does(expected: np.ndarray, real: np.ndarray) -> None:
    found = difference(expected, answers(opened("openvino"), real))
    assert found.mean <= 0.02, "bfloat16 keeps 8 bits of each number"
    assert found.mean_iou >= 0.95


def test_a_black_picture_and_a_flat_one_are_answered_with_numbers() -> None:
    maps = opened("onnxruntime").run(
        np.stack([np.zeros((SIZE, SIZE, 3)), np.full((SIZE, SIZE, 3), 200)]).astype(np.uint8)
    )
    assert np.isfinite(maps).all()
    assert maps.min() >= 0
    assert maps.max() <= 1


@pytest.mark.parametrize("name", networks.NAMES)
def test_batch_norm_is_folded_without_a_trace_in_the_answer(name: str) -> None:
    torch.manual_seed(0)
    network = networks.build(name).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
    image = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        before, after = Served(network)(image), Served(folded(network))(image)
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(before, after, strict=True))
    assert not [m for m in folded(network).modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)], "the network itself is as it was"


def test_another_network_is_exported_at_its_own_size() -> None:
    torch.manual_seed(0)
    network = networks.build("u2netp").eval()
    model = export(network, networks.entry("u2netp").size)
    photos = np.random.default_rng(0).integers(0, 256, (2, 320, 320, 3)).astype(np.uint8)
    found = difference(TorchCpu(network, 320).run(photos), backend_of(model, 320).run(photos))
    assert found.worst < 1e-4
    assert not any(node.doc_string or node.metadata_props for node in model.graph.node), "no path of this machine"


def test_forms_are_made_compared_and_named_on_the_card(
    bare: Path, real: np.ndarray, graph: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segmentation.forms.export", lambda *_: graph)
    before = weights.inspect(bare)
    made = forms.make(bare, list(real[:2]))
    found = weights.inspect(bare)
    assert found.sha256 == before.sha256
    assert found.card["forms"] == made
    assert {key: value for key, value in found.card.items() if key != "forms"} == before.card
    for name in USUAL:
        path = found.form(name)
        assert path is not None
        assert made[name]["sha256"] == weights.digest(path)
        assert made[name]["difference"]["pictures"] == 6, "two photographs and four golden pictures"


@pytest.fixture
def ready(bare: Path, graph: onnx.ModelProto) -> Callable[..., Path]:
    """Puts a file in the place of a form, and its digest on the card."""

    def put(data: bytes | None = None, name: str = "onnx") -> Path:
        data = graph.SerializeToString() if data is None else data
        path = bare / FORMS[name].file
        path.write_bytes(data)
        card = weights.read_card(bare)
        card["forms"] = {name: {"file": path.name, "sha256": weights.digest(path), "bytes": len(data)}}
        weights.write_card(bare, card)
        return bare

    return put


def test_a_form_that_answers_otherwise_is_refused_and_the_other_kept(
    bare: Path, graph: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoilt(model: onnx.ModelProto) -> onnx.ModelProto:
        other = quantise.weights_in_8_bits(model)
        for tensor in other.graph.initializer:
            if tensor.name.endswith(".scale"):
                values = numpy_helper.to_array(tensor)
                tensor.CopyFrom(numpy_helper.from_array(values * np.float32(3), tensor.name))
        return other

    monkeypatch.setattr("segmentation.forms.export", lambda *_: graph)
    monkeypatch.setattr(quantise, "halved", spoilt)
    with pytest.raises(FormError, match="form onnx differs"):
        forms.make(bare)
    found = weights.inspect(bare)
    assert list(found.card["forms"]) == ["int8"]
    assert not (bare / weights.ONNX).exists()
    assert choose(found, "cpu", "torch-cpu").name == "torch-cpu"


def test_a_form_too_large_for_a_browser_is_left_out(
    bare: Path, graph: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = forms.Form("weights.int8.onnx", "int8", most_mean=0.01, least_iou=0.95, most_bytes=1000)
    monkeypatch.setattr("segmentation.forms.export", lambda *_: graph)
    monkeypatch.setattr(forms, "FORMS", {**FORMS, "int8": small})
    assert list(forms.make(bare)) == ["onnx"]
    assert not (bare / small.file).exists()


def test_a_damaged_form_is_refused_with_a_sentence_and_torch_serves(
    ready: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    bare = ready()
    path = bare / weights.ONNX
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    found = weights.inspect(bare)
    with pytest.raises(DeviceError, match="not the file its card names"):
        choose(found, "cpu", "onnxruntime")
    assert choose(found, "cpu").name == "torch-cpu"
    assert "not the file its card names" in caplog.text


def broken_graphs() -> Iterator[tuple[str, bytes]]:
    yield "nothing", b""
    yield "a page", b"<!doctype html><title>Sign in</title>"
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", SIZE, SIZE, 3])
    other = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])
    answer = helper.make_tensor_value_info("refined", TensorProto.FLOAT, None)
    for name, given, nodes in (
        ("one map", image, [helper.make_node("Cast", ["image"], ["refined"], to=TensorProto.FLOAT)]),
        ("another input", other, [helper.make_node("Identity", ["image"], ["refined"])]),
        ("an unknown operator", image, [helper.make_node("Conjure", ["image"], ["refined"])]),
    ):
        model = helper.make_model(
            helper.make_graph(nodes, "g", [given], [answer]), opset_imports=[helper.make_opsetid("", 18)], ir_version=10
        )
        yield name, model.SerializeToString()


@pytest.mark.parametrize(("name", "data"), list(broken_graphs()), ids=lambda value: value if type(value) is str else "")
@pytest.mark.parametrize("backend_name", ["onnxruntime", "openvino"])
def test_what_is_no_graph_of_ours_is_refused_and_torch_serves(
    ready: Callable[..., Path], backend_name: str, name: str, data: bytes
) -> None:
    if backend_name == "openvino":
        pytest.importorskip("openvino", reason="OpenVINO is not installed here")
    found = weights.inspect(ready(data))
    with pytest.raises(DeviceError, match="again"):
        choose(found, "cpu", backend_name)
    assert choose(found, "cpu").name == "torch-cpu"


def test_a_truncated_graph_is_refused(ready: Callable[..., Path], graph: onnx.ModelProto) -> None:
    found = weights.inspect(ready(graph.SerializeToString()[:-1000]))
    with pytest.raises(DeviceError, match="fetch or make it again"):
        choose(found, "cpu", "onnxruntime")


def test_weights_saved_anew_forget_the_forms_of_the_old_ones(ready: Callable[..., Path]) -> None:
    loaded = weights.load(ready())
    assert loaded.card["forms"]
    with torch.no_grad():
        next(loaded.network.parameters()).mul_(1.01)
    saving.save(loaded.folder, loaded.network, loaded.card, half=True)
    assert weights.inspect(loaded.folder).form("onnx") is None


def test_cutting_through_onnxruntime_never_imports_torch() -> None:
    code = (
        "import sys\n"
        "import numpy as np\n"
        "from segmentation import weights\n"
        "from segmentation.weights import golden\n"
        "from segmentation.backends import choose\n"
        "from segmentation.predictor import BackendPredictor\n"
        "found = weights.inspect('starter')\n"
        "predictor = BackendPredictor(choose(found, 'cpu', 'onnxruntime'), found.sha256, found.card)\n"
        "golden.self_test(predictor)\n"
        "print(sorted({'torch', 'django', 'onnx', 'onnxscript'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_command_exports_a_form(
    tmp_path: Path, graph: onnx.ModelProto, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segmentation.export_onnx.export", lambda *_: graph)
    out = tmp_path / "small.onnx"
    assert main(["starter", "--out", str(out), "--form", "int8"]) == 0
    assert f"{out.stat().st_size:,} bytes" in capsys.readouterr().out
    assert main(["starter", "--out", str(out), "--form", "int8-static"]) == 2
    assert "at least eight pictures" in capsys.readouterr().err
    assert main([str(tmp_path / "absent"), "--out", str(out)]) == 2
    assert "There are no weights" in capsys.readouterr().err


def test_pictures_are_taken_from_all_over_a_folder(tmp_path: Path) -> None:
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
        for i in range(10):
            (tmp_path / part / f"{i}.png").write_bytes(picture.encode_png(np.zeros((4, 4, 3), np.uint8)))
    (tmp_path / "notes.txt").write_text("no picture")
    assert [path.stem for path in spread(tmp_path, 5)] == ["0", "2", "4", "6", "8"]
    assert {path.parent.name for path in spread(tmp_path, 100)} == {"images"}
    assert spread(None, 5) == []


def test_the_forms_command_says_what_it_made(
    bare: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, graph: onnx.ModelProto
) -> None:
    monkeypatch.setattr("segmentation.forms.export", lambda *_: graph)
    assert forms.main([str(bare)]) == 0
    told = capsys.readouterr().out
    entries = json.loads((bare / weights.CARD).read_text())["forms"]
    assert all(f"{name}: {entry['file']}, {entry['bytes']:,} bytes" in told for name, entry in entries.items())
    assert forms.main([str(bare / "absent")]) == 2
    assert "absent" in capsys.readouterr().err
