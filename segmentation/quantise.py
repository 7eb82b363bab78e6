"""Smaller forms of an ONNX graph: weights in 16 or 8 bits, or all of it in 8 bits by calibration.

Where only the weights are smaller, each is followed by its way back to float32, which every runtime folds once at
load: such a graph computes at float32's speed and precision with weights rounded once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segmentation.transforms import resize

if TYPE_CHECKING:
    import onnx

LEAST_WEIGHTS = 256  # what is smaller stays as it is: it saves nothing
LARGE = 16_384  # weights in a convolution from which on 8 bits do
HALF_MOST = 65504.0

Stored = tuple[list[Any], list[Any]]


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose convolutions' weights are stored as 16-bit floats. Weights past their range stay as they are."""
    return replaced(model, in_16_bits)


def weights_in_8_bits(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose large convolutions' weights are stored as int8, one symmetric scale for each output channel.

    Those of small convolutions are stored as 16-bit floats: they are most of the loss and little of the size.
    """
    return replaced(model, lambda name, values: (in_8_bits if values.size >= LARGE else in_16_bits)(name, values))


def in_16_bits(name: str, values: NDArray[np.float32]) -> Stored:
    from onnx import TensorProto, helper, numpy_helper

    if abs(values).max() > HALF_MOST:
        return [numpy_helper.from_array(values, name)], []
    cast = helper.make_node("Cast", [f"{name}.half"], [name], name=f"{name}.cast", to=TensorProto.FLOAT)
    return [numpy_helper.from_array(values.astype(np.float16), f"{name}.half")], [cast]


def in_8_bits(name: str, values: NDArray[np.float32]) -> Stored:
    from onnx import TensorProto, helper, numpy_helper

    most = abs(values).reshape(len(values), -1).max(1)
    scale = (np.where(most > 0, most, 1) / 127).astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
    levels = np.clip(np.round(values / scale), -127, 127).astype(np.int8)
    cast = helper.make_node("Cast", [f"{name}.int8"], [f"{name}.levels"], name=f"{name}.cast", to=TensorProto.FLOAT)
    scaled = helper.make_node("Mul", [f"{name}.levels", f"{name}.scale"], [name], name=f"{name}.mul")
    kept = [numpy_helper.from_array(levels, f"{name}.int8"), numpy_helper.from_array(scale, f"{name}.scale")]
    return kept, [cast, scaled]


def replaced(model: onnx.ModelProto, store: Callable[[str, NDArray[np.float32]], Stored]) -> onnx.ModelProto:
    """A copy in which `store` says by which initializers and nodes each convolution's weights are kept."""
    import onnx
    from onnx import numpy_helper

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    weights = {node.input[1] for node in copy.graph.node if node.op_type == "Conv"}
    kept, before = [], []
    for tensor in copy.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.name in weights and values.dtype == np.float32 and values.size >= LEAST_WEIGHTS:
            initializers, nodes = store(tensor.name, values)
            kept += initializers
            before += nodes
        else:
            kept.append(tensor)
    nodes = [*before, *copy.graph.node]
    del copy.graph.initializer[:], copy.graph.node[:]
    copy.graph.initializer.extend(kept)
    copy.graph.node.extend(nodes)
    onnx.checker.check_model(copy, full_check=True)
    return copy


def static(model: onnx.ModelProto, pictures: Sequence[NDArray[np.uint8]]) -> onnx.ModelProto:
    """A copy that computes its convolutions in 8 bits (QDQ, per channel), its ranges taken from the pictures.

    `pictures` are H×W×3 uint8 photos like those to come; ValueError for fewer than eight. Sensitive layers stay in
    float32, see `sensitive`. Activations and weights are both unsigned: onnxruntime multiplies unsigned by signed
    with an instruction that saturates at 16 bits where the processor has no VNNI, and answers wrongly without a word.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_static

    if len(pictures) < 8:
        raise ValueError("Static int8 is calibrated with at least eight pictures: give a folder of photos.")
    copy = onnx.ModelProto()
    copy.CopyFrom(model)  # onnxruntime moves what it is given into files
    size = model.graph.input[0].type.tensor_type.shape.dim[1].dim_value

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.rest = iter(pictures)

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            rgb = next(self.rest, None)
            return None if rgb is None else {"image": resize(rgb, size)[None]}

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "int8.onnx"
        quantize_static(
            copy,
            out,
            Reader(),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QUInt8,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=sensitive(model),
            extra_options={"CalibMovingAverage": True},
        )
        quantised = onnx.load(out)
    onnx.checker.check_model(quantised, full_check=True)
    return quantised


def sensitive(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that stay in float32: whatever is before the first convolution or after the last ones."""
    nodes = list(model.graph.node)
    convolutions = [i for i, node in enumerate(nodes) if node.op_type == "Conv"]
    first, last = convolutions[0], convolutions[-1]
    return [node.name for i, node in enumerate(nodes) if i <= first or i >= last]
