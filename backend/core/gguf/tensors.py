"""The tensors of a GGUF as safetensors, a few rows at a time: memory stays small."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from backend.core.gguf.architectures import Architecture, Target, targets
from backend.core.gguf.reader import GgufError, GgufFile, TensorInfo

ROWS = 8192  # dequantised at a time: 21 MB at a width of 640
CODES = {torch.float32: "F32", torch.bfloat16: "BF16"}


@dataclass(frozen=True)
class Layout:
    """Which tensor of the file goes where, and what it weighs: `n_bytes` of all in `dtype`."""

    places: Mapping[str, Target]  # by the tensor's name in the file
    shapes: Mapping[str, tuple[int, ...]]  # by its name in the model
    n_bytes: int
    dtype: torch.dtype


def layout(
    file: GgufFile, architecture: Architecture, config: Mapping[str, Any], dtype: torch.dtype
) -> Layout:
    """GgufError unless the file holds exactly the weights of the model that `config` describes."""
    places = targets(file, architecture)
    shapes = {}
    for name, target in places.items():
        shape = file.tensors[name].shape
        transposed = target.change is not None and len(shape) == 2 and file.architecture == "gpt2"
        shapes[target.name] = shape[::-1] if transposed else shape
    _check(file.name, shapes, expected_shapes(architecture.model_class, config))
    return Layout(places, shapes, sum(map(prod, shapes.values())) * dtype.itemsize, dtype)


def expected_shapes(model_class: str, config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Weights of transformers' own class, on the meta device: without memory. Tied ones once."""
    import transformers

    made = getattr(transformers, model_class)
    options = {
        name: value for name, value in config.items() if name not in ("architectures", "model_type")
    }
    with torch.device("meta"):
        model = made(made.config_class(**options))
    tied = model.all_tied_weights_keys if config["tie_word_embeddings"] else {}
    return {
        name: tuple(tensor.shape) for name, tensor in model.state_dict().items() if name not in tied
    }


def write_weights(
    file: GgufFile,
    plan: Layout,
    config: Mapping[str, Any],
    path: Path,
    report: Callable[[float], None],
) -> str:
    """Writes `path`, flushed to the disk, and returns its SHA-256. `report` gets the share that is
    done.
    """
    digest, written = hashlib.sha256(), 0
    with path.open("xb") as out:
        head = _header(plan)
        _put(out, digest, head)
        for name, target in plan.places.items():
            for part in _parts(file, file.tensors[name], target, config):
                raw = torch.from_numpy(part).to(plan.dtype).view(torch.uint8).numpy().data
                _put(out, digest, raw.cast("B"))
                written += raw.nbytes
                report(written / plan.n_bytes)
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest()


def _put(out: BinaryIO, digest: Any, raw: bytes | memoryview) -> None:
    out.write(raw)
    digest.update(raw)


def _header(plan: Layout) -> bytes:
    """safetensors': its length, then JSON, padded so that the data begins at a multiple of 8."""
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for target in plan.places.values():
        shape = plan.shapes[target.name]
        end = at + prod(shape) * plan.dtype.itemsize
        entries[target.name] = {
            "dtype": CODES[plan.dtype],
            "shape": list(shape),
            "data_offsets": [at, end],
        }
        at = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _parts(
    file: GgufFile, info: TensorInfo, target: Target, config: Mapping[str, Any]
) -> Iterator[NDArray[np.float32]]:
    """The tensor's values in the model's order, float32, contiguous."""
    if target.change is not None:
        whole = file.rows(info, 0, info.n_rows).reshape(info.shape)
        yield np.ascontiguousarray(target.change(whole, config), dtype=np.float32)
        return
    for start in range(0, info.n_rows, ROWS):
        yield np.ascontiguousarray(file.rows(info, start, min(start + ROWS, info.n_rows)))


def _check(
    name: str, there: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]]
) -> None:
    lacking = [one for one in expected if one not in there]
    extra = [one for one in there if one not in expected]
    if lacking or extra:
        which, what = (lacking, "lacks") if lacking else (extra, "also holds")
        raise GgufError(
            f"{name} {what} {len(which)} tensors of the model that it describes, {which[0]} among "
            "them."
        )
    for one, shape in expected.items():
        if there[one] != shape:
            raise GgufError(
                f"{name}: {one} has the shape {list(there[one])}; the model needs {list(shape)}."
            )
