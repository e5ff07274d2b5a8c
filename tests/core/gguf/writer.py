"""Writes small GGUF files for the tests: the format's words, none of the product's code."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# name -> (ggml type, entries of a block, bytes of a block)
TYPES = {
    "F32": (0, 1, 4),
    "F16": (1, 1, 2),
    "BF16": (30, 1, 2),
    "Q4_0": (2, 32, 18),
    "Q4_1": (3, 32, 20),
    "Q5_0": (6, 32, 22),
    "Q5_1": (7, 32, 24),
    "Q8_0": (8, 32, 34),
    "Q2_K": (10, 256, 84),
    "Q3_K": (11, 256, 110),
    "Q4_K": (12, 256, 144),
    "Q5_K": (13, 256, 176),
    "Q6_K": (14, 256, 210),
}
# where a block keeps its float16 scales
HALVES = {
    "F16": (0,),
    "Q4_0": (0,),
    "Q4_1": (0, 2),
    "Q5_0": (0,),
    "Q5_1": (0, 2),
    "Q8_0": (0,),
    "Q2_K": (80, 82),
    "Q3_K": (108,),
    "Q4_K": (0, 2),
    "Q5_K": (0, 2),
    "Q6_K": (208,),
}


@dataclass(frozen=True)
class Raw:
    """A tensor as it lies in the file: shape rows first, blocks as uint8 [block, bytes]."""

    shape: tuple[int, ...]
    kind: str
    blocks: np.ndarray


def plain(values: np.ndarray) -> Raw:
    """Stored in float32."""
    held = np.ascontiguousarray(values, dtype="<f4")
    return Raw(held.shape, "F32", held.view(np.uint8).reshape(-1, 4))


def random_blocks(kind: str, n: int, seed: int) -> np.ndarray:
    """Any bits for the entries, and scales of a sane size: uint8 [n, bytes of a block]."""
    rng, (_, _, size) = np.random.default_rng(seed), TYPES[kind]
    if kind in ("F32", "BF16"):
        values = rng.standard_normal(n).astype("<f4").view(np.uint8).reshape(n, 4)
        return np.ascontiguousarray(values if kind == "F32" else values[:, 2:])
    blocks = rng.integers(0, 256, (n, size), dtype=np.uint8)
    for at in HALVES[kind]:
        blocks[:, at : at + 2] = (
            (0.1 * rng.standard_normal(n)).astype("<f2").view(np.uint8).reshape(n, 2)
        )
    return blocks


def random_tensor(shape: tuple[int, ...], kind: str, seed: int) -> Raw:
    n_entries = int(np.prod(shape))
    return Raw(shape, kind, random_blocks(kind, n_entries // TYPES[kind][1], seed))


def gguf_bytes(
    metadata: Mapping[str, Any],
    tensors: Mapping[str, Raw],
    *,
    version: int = 3,
    alignment: int = 32,
) -> bytes:
    """The whole file. Values: bool, int (uint32, negative ones int32), float (float32), str, and
    lists of one kind.
    """
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    for name, value in metadata.items():
        head += _string(name) + _typed(value)
    data = b""
    for name, tensor in tensors.items():
        data += b"\0" * (-len(data) % alignment)
        dimensions = struct.pack(
            f"<I{len(tensor.shape)}Q", len(tensor.shape), *reversed(tensor.shape)
        )
        head += _string(name) + dimensions + struct.pack("<IQ", TYPES[tensor.kind][0], len(data))
        data += tensor.blocks.tobytes()
    return head + b"\0" * (-len(head) % alignment) + data


def write_gguf(
    path: Path, metadata: Mapping[str, Any], tensors: Mapping[str, Raw], **options: int
) -> Path:
    path.write_bytes(gguf_bytes(metadata, tensors, **options))
    return path


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _typed(value: Any) -> bytes:
    if isinstance(value, list):
        inner = [_typed(one) for one in value]
        return (
            struct.pack("<I", 9)
            + inner[0][:4]
            + struct.pack("<Q", len(value))
            + b"".join(one[4:] for one in inner)
        )
    kind, form = _form(value)
    return struct.pack("<I", kind) + (
        _string(value) if isinstance(value, str) else struct.pack(f"<{form}", value)
    )


def _form(value: Any) -> tuple[int, str]:
    if isinstance(value, str):
        return 8, ""
    if isinstance(value, bool):
        return 7, "?"
    if isinstance(value, float):
        return 6, "f"
    return (5, "i") if value < 0 else (4, "I")


def bytes_of(names: Sequence[str]) -> list[str]:
    """Sentencepiece's 256 byte entries, after `names`."""
    return [*names, *(f"<0x{byte:02X}>" for byte in range(256))]
