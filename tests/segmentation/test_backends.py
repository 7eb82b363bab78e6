"""One contract for every backend, on real photographs; those that are not here are skipped with the reason."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from skimage import data
from skimage.transform import resize

from segmentation import backends, weights
from segmentation.backends import DeviceError, torch_cpu, torch_cuda
from segmentation.engine import Engine
from segmentation.predictor import BackendPredictor
from segmentation.weights import golden

# How far maps may be from plain torch in float32 on photographs: levels of 255 on average, and the share of pixels
# that change sides where plain torch is not in doubt.
TOLERANCE = {"torch-cpu-f32": (0.01, 0.0), "onnxruntime": (0.05, 0.0)}
BF16_TOLERANCE = (3.0, 0.005)
SIZE = weights.inspect(weights.STARTER).size
KINDS = ("torch-cpu-f32", "torch-cpu", "onnxruntime", "openvino", "torch-cuda")


def photographs(side: int) -> np.ndarray:
    pictures = (data.astronaut(), data.chelsea(), data.coffee(), data.rocket())
    return np.stack([(resize(p, (side, side), anti_aliasing=True) * 255).astype(np.uint8) for p in pictures])


@pytest.fixture(scope="module")
def starter() -> weights.WeightsSet:
    return weights.inspect("starter")


@pytest.fixture(scope="module")
def opened(starter):
    """Backends by kind, opened once."""
    made: dict[str, backends.Backend] = {}

    def make(kind: str) -> backends.Backend:
        if kind not in made:
            try:
                if kind == "torch-cpu-f32":
                    made[kind] = torch_cpu.TorchCpu(weights.load("starter").network, SIZE)
                else:
                    made[kind] = backends.open_backend(kind, starter)
            except DeviceError as error:
                pytest.skip(str(error))
        return made[kind]

    return make


@pytest.fixture(params=KINDS)
def kind(request) -> str:
    return str(request.param)


@pytest.fixture
def backend(opened, kind) -> backends.Backend:
    return opened(kind)


@pytest.fixture(scope="module")
def expected(starter) -> np.ndarray:
    """What plain torch says of the photographs: nothing folded, every map computed, one picture at a time."""
    import torch

    from segmentation.transforms import normalise

    network = weights.load("starter").network
    with torch.inference_mode():
        each = [network(normalise(torch.from_numpy(p[None]))) for p in photographs(SIZE)]
        return np.stack([torch.cat(maps[:2], 1).sigmoid().numpy()[0] for maps in each])


def test_it_says_what_it_is(backend, kind):
    assert kind.startswith(backend.name)
    assert backend.name in backends.MODULES
    assert backend.device == ("cuda" if backend.name in backends.ON_CUDA else "cpu")
    assert backend.size == SIZE
    assert backend.batch_limit >= 1


def test_probabilities_of_two_maps_come_back(backend):
    maps = backend.run(photographs(SIZE)[: min(4, backend.batch_limit)])
    assert maps.shape[1:] == (2, SIZE, SIZE)
    assert maps.dtype == np.float32
    assert np.isfinite(maps).all()
    assert maps.min() >= 0
    assert maps.max() <= 1


def test_it_agrees_with_plain_torch_on_photographs(backend, kind, expected):
    maps = np.concatenate([backend.run(picture[None]) for picture in photographs(SIZE)])
    mean, turned = TOLERANCE.get(kind, BF16_TOLERANCE)
    assert np.abs(maps - expected).mean() * 255 <= mean
    clear = np.abs(expected - 0.5) > 0.2
    assert ((maps > 0.5) != (expected > 0.5))[clear].mean() <= turned


def test_a_batch_says_what_its_pictures_say_alone(backend):
    pictures = photographs(SIZE)[: min(3, backend.batch_limit)]
    together = backend.run(pictures)
    alone = np.concatenate([backend.run(picture[None]) for picture in pictures])
    assert np.abs(together - alone).max() < 0.03


def test_the_same_picture_gets_the_same_answer(backend):
    picture = photographs(SIZE)[:1]
    assert (backend.run(picture) == backend.run(picture)).all()


def test_an_empty_batch_is_answered_empty(backend):
    assert backend.run(np.zeros((0, SIZE, SIZE, 3), np.uint8)).shape == (0, 2, SIZE, SIZE)


def test_a_picture_is_not_changed_and_need_not_be_contiguous_or_writable(backend):
    picture = photographs(SIZE)[:1]
    mirrored = picture[:, :, ::-1]
    mirrored.flags.writeable = False
    before = picture.copy()
    assert (backend.run(mirrored) == backend.run(mirrored.copy())).all()
    assert (picture == before).all()


@pytest.mark.parametrize("value", [0, 255])
def test_a_flat_picture_stays_finite(backend, value):
    assert np.isfinite(backend.run(np.full((1, SIZE, SIZE, 3), value, np.uint8))).all()


def test_what_is_no_batch_is_refused_and_the_next_is_answered(backend):
    for wrong in (
        np.zeros((1, SIZE, SIZE - 1, 3), np.uint8),
        np.zeros((1, SIZE, SIZE, 3), np.float32),
        np.zeros((SIZE, SIZE, 3), np.uint8),
        np.zeros((backend.batch_limit + 1, SIZE, SIZE, 3), np.uint8),
    ):
        with pytest.raises(ValueError, match=f"N×{SIZE}×{SIZE}×3 uint8"):
            backend.run(wrong)
    assert len(backend.run(photographs(SIZE)[:1])) == 1


def test_the_golden_pictures_are_answered_as_on_the_card(backend, starter):
    golden.self_test(BackendPredictor(backend, starter.sha256, starter.card), half=backend.half)


def test_many_threads_get_their_own_answers_through_an_engine(backend):
    pictures = photographs(SIZE)
    alone = [backend.run(picture[None])[0] for picture in pictures]
    engine = Engine(backend, waiting=64)
    wrong = []

    def ask(first: int) -> None:
        for turn in range(4):
            which = (first + turn) % 4
            if np.abs(engine.run(pictures[which]).maps - alone[which]).max() > 0.03:
                wrong.append(which)

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.close()
    assert not wrong


def test_the_backends_of_the_tests_keep_the_contract_too(arithmetic, faulty):
    picture = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    for stand_in in (arithmetic(), faulty()):
        maps = stand_in.run(picture)
        assert maps.shape == (3, 2, 8, 8)
        assert maps.dtype == np.float32
        assert (maps[:, 0] == picture[..., 0] / np.float32(255)).all()
        assert stand_in.run(picture[:0]).shape == (0, 2, 8, 8)
        with pytest.raises(ValueError, match="N×8×8×3 uint8"):
            stand_in.run(np.zeros((5, 8, 8, 3), np.uint8))


def test_the_best_that_is_there_is_chosen(starter):
    found = backends.choose(starter, "cpu")
    assert found.name == next(n for n in backends.ON_CPU if not _missing(n, starter))
    assert backends.choose(starter, name="torch-cpu").name == "torch-cpu"


def _missing(name: str, starter: weights.WeightsSet) -> bool:
    try:
        backends.open_backend(name, starter)
    except DeviceError:
        return True
    return False


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"device": "tpu"}, "choose auto, cpu or cuda"),
        ({"name": "caffe"}, "choose one of"),
        ({"name": "onnxruntime", "device": "cuda"}, "does not run on cuda"),
        ({"name": "torch-cuda", "device": "cpu"}, "does not run on cpu"),
        ({"device": "cpu", "require_gpu": True}, "A GPU is required"),
        ({"name": "torch-cpu", "require_gpu": True}, "A GPU|does not run on cuda"),
    ],
)
def test_wishes_that_can_not_be_met_are_refused_with_what_to_do(starter, wish, said):
    with pytest.raises(DeviceError, match=said):
        backends.choose(starter, **wish)


def test_without_a_gpu_driver_cuda_is_not_even_tried(monkeypatch, tmp_path):
    monkeypatch.setattr(backends, "DRIVER_FILES", (str(tmp_path / "absent"),))
    assert backends.candidates("auto", None, False) == backends.ON_CPU
    (tmp_path / "absent").touch()
    assert backends.candidates("auto", None, False) == backends.ON_CUDA + backends.ON_CPU
    assert backends.candidates("auto", None, True) == backends.ON_CUDA


def test_heavy_networks_go_to_torch_before_onnxruntime_where_the_processor_has_bfloat16(monkeypatch):
    for bf16, network, first in ((True, "basnet", "torch-cpu"), (True, "basnet-small", "onnxruntime")):
        monkeypatch.setattr(backends, "computes_bf16", lambda bf16=bf16: bf16)
        order = backends.candidates("cpu", None, False, {"network": network})
        assert order[:2] == ("openvino", first)
        assert set(order) == set(backends.ON_CPU)
    monkeypatch.setattr(backends, "computes_bf16", lambda: False)
    assert backends.candidates("cpu", None, False, {"network": "basnet"}) == backends.ON_CPU


def test_cores_are_no_more_than_the_container_may_use(monkeypatch, tmp_path):
    everything = backends.usable_cores()
    for text, cores in (("max 100000", None), ("50000 100000", 1), ("100000 100000", 1), ("nonsense", None)):
        (tmp_path / "cpu.max").write_text(text)
        monkeypatch.setattr(backends, "CGROUP_QUOTA", tmp_path / "cpu.max")
        assert backends.usable_cores() == (cores or max(everything, backends.usable_cores()))


def test_every_batch_goes_into_the_next_bucket():
    assert [torch_cuda.bucket_for(n) for n in (1, 2, 3, 4, 5, 33, 64)] == [1, 2, 4, 4, 8, 64, 64]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("CUDA out of memory. Tried to allocate 2.00 GiB", backends.OutOfMemory),
        ("CUDA error: out of memory", backends.OutOfMemory),
        ("cuDNN error: CUDNN_STATUS_ALLOC_FAILED", backends.OutOfMemory),
        ("CUDA error: an illegal memory access was encountered\nCUDA kernel errors…", backends.DeviceLost),
        ("CUDA error: unspecified launch failure", backends.DeviceLost),
        ("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", backends.DeviceLost),
        ("The size of tensor a (3) must match the size of tensor b (4)", RuntimeError),
    ],
)
def test_errors_of_cuda_are_told_apart(text, kind):
    assert type(torch_cuda.meaning(RuntimeError(text), 8)) is kind


class Failing:
    """What a backend hands its pictures to, out of order."""

    def __init__(self, error: Exception):
        self.error = error

    def __call__(self, *_, **__):
        raise self.error

    run = infer = __call__


def shortage(name: str) -> Exception:
    """How each of them says that there is no memory."""
    if name == "onnxruntime":
        from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

        return RuntimeException("Failed to allocate memory for requested buffer")
    return MemoryError("std::bad_alloc") if name == "openvino" else RuntimeError("not enough memory: you tried")


@pytest.mark.parametrize(
    ("name", "part"), [("torch-cpu", "network"), ("onnxruntime", "session"), ("openvino", "request")]
)
def test_a_processor_without_memory_is_told_from_one_that_fails(opened, monkeypatch, name, part):
    backend, picture = opened(name), np.zeros((1, SIZE, SIZE, 3), np.uint8)
    monkeypatch.setattr(backend, part, Failing(shortage(name)))
    with pytest.raises(backends.OutOfMemory, match="no memory"):
        backend.run(picture)
    monkeypatch.setattr(backend, part, Failing(RuntimeError("no such instruction")))
    with pytest.raises(RuntimeError, match="no such instruction"):
        backend.run(picture)


def test_cpu_serving_through_onnxruntime_never_imports_torch(tmp_path: Path):
    code = """
import json, sys
import numpy as np
from segmentation import backends, weights
from segmentation.engine import Engine
from segmentation.weights.golden import self_test
from segmentation.predictor import EnginePredictor
found = weights.inspect("starter")
predictor = EnginePredictor(Engine(backends.choose(found, "cpu", "onnxruntime", 1)), found.sha256, found.card)
self_test(predictor)
cut = predictor.predict(np.full((40, 60, 3), 127, np.uint8))
print(json.dumps([list(cut.alpha.shape), predictor.backend, "torch" in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[40, 60], "onnxruntime", False]
