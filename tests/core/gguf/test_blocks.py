"""Every block format: by hand, entry by entry against a plain reading of the format, and against
the gguf package.
"""

import numpy as np
import pytest

from backend.core.gguf.blocks import BLOCKS
from tests.core.gguf.references import REFERENCES
from tests.core.gguf.writer import TYPES, random_blocks

BY_NAME = {kind.name: kind for kind in BLOCKS.values()}


def half(value: float) -> list[int]:
    return list(np.array([value], "<f2").view(np.uint8))


def bits(values: np.ndarray) -> list[int]:
    return np.ascontiguousarray(values, dtype=np.float32).view(np.uint32).ravel().tolist()


def dequantised(kind: str, block: list[int]) -> list[float]:
    return BY_NAME[kind].dequantise(np.array([block], dtype=np.uint8))[0].tolist()


def test_the_formats_are_those_of_the_file_format() -> None:
    assert {
        kind.name: (type_id, kind.elements, kind.size) for type_id, kind in BLOCKS.items()
    } == TYPES
    assert set(REFERENCES) == set(TYPES)


def test_four_and_five_bits_by_hand() -> None:
    """Byte i holds entry i in its low half, entry 16 + i in its high one: here 3 and 12."""
    entries = [0xC3] * 16
    assert (
        dequantised("Q4_0", half(0.5) + entries) == [-2.5] * 16 + [2.0] * 16
    )  # (3 - 8) / 2, (12 - 8) / 2
    assert dequantised("Q4_1", half(0.5) + half(10) + entries) == [11.5] * 16 + [16.0] * 16
    fifth = [0x01, 0x00, 0x00, 0x80]  # of the first entry and of the last
    assert dequantised("Q5_0", half(0.5) + fifth + entries) == [1.5] + [-6.5] * 15 + [-2.0] * 15 + [
        6.0
    ]
    assert dequantised("Q5_1", half(0.5) + half(10) + fifth + entries) == [19.5] + [11.5] * 15 + [
        16.0
    ] * 15 + [24.0]
    assert dequantised("Q8_0", half(0.25) + [4] * 31 + [0xFF]) == [1.0] * 31 + [-0.25]


def test_super_blocks_by_hand() -> None:
    """Q4_K: part 0 has scale 2 and minimum 3, part 7 scale 0x21 and minimum 0x12; all entries are
    5.
    """
    scales = [2, 0, 0, 0x80, 3, 0, 0, 0x40, 0, 0, 0, 0x21]
    expected = [0.5 * 2 * 5 - 0.25 * 3] * 32 + [0.0] * 192 + [0.5 * 0x21 * 5 - 0.25 * 0x12] * 32
    assert dequantised("Q4_K", half(0.5) + half(0.25) + scales + [0x55] * 128) == expected
    # Q6_K: low bits 1, high bits 2 (so 33), all scales -3
    assert dequantised("Q6_K", [0x11] * 128 + [0xAA] * 64 + [0xFD] * 16 + half(0.5)) == [-1.5] * 256


@pytest.mark.parametrize("kind", TYPES)
def test_any_bits_are_read_as_the_format_says(kind: str) -> None:
    """Random bits, so that every bit of a block decides something; equal to the last bit."""
    blocks = random_blocks(kind, 24, seed=7)
    expected = np.array([REFERENCES[kind](block.tolist()) for block in blocks])
    assert bits(BY_NAME[kind].dequantise(blocks)) == bits(expected)
    assert len(set(bits(expected))) > 20


@pytest.mark.parametrize("kind", TYPES)
def test_the_gguf_package_reads_the_same(kind: str) -> None:
    from gguf import GGMLQuantizationType, dequantize

    blocks = random_blocks(kind, 1000, seed=8)
    stored = {"F32": np.float32, "F16": np.float16}.get(kind, np.uint8)
    theirs = dequantize(blocks.view(stored), GGMLQuantizationType[kind])
    assert bits(BY_NAME[kind].dequantise(blocks)) == bits(theirs)
