"""ggml's block formats, dequantised with NumPy: what a GGUF tensor is made of.

A row is cut into blocks of 32 or 256 entries; a block is a few scales and the entries in 2 to 8
bits. The order of the operations is that of ggml's own reference code, in float32, so that results
agree with it bit for bit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
SMALL, SUPER = 32, 256  # entries of a block


@dataclass(frozen=True)
class BlockType:
    """`size` bytes hold `elements` entries; `dequantise` takes uint8 [block, size], gives float32
    [block, elements].
    """

    name: str
    elements: int
    size: int
    dequantise: Callable[[Bytes], Floats]


def _half(blocks: Bytes, at: int) -> Floats:
    """The float16 at byte `at` of each block: [block, 1]."""
    return np.ascontiguousarray(blocks[:, at : at + 2]).view(np.float16).astype(np.float32)


def _plain(dtype: Any) -> Callable[[Bytes], Floats]:
    return lambda blocks: blocks.view(dtype).astype(np.float32)


def _bfloat16(blocks: Bytes) -> Floats:
    return (blocks.view(np.uint16).astype(np.uint32) << 16).view(np.float32)


def _nibbles(packed: Bytes) -> Bytes:
    """[block, n] -> [block, 2n]: all low halves of the bytes, then all high ones."""
    return np.concatenate([packed & 0x0F, packed >> 4], axis=1)


def _fifth_bits(packed: Bytes) -> Bytes:
    """[block, 4] -> [block, 32]: one bit an entry, at the place of a fifth bit."""
    return np.unpackbits(packed, axis=1, bitorder="little") << np.uint8(4)


def _q4_0(blocks: Bytes) -> Floats:
    return _half(blocks, 0) * (_nibbles(blocks[:, 2:]).astype(np.int8) - 8).astype(np.float32)


def _q4_1(blocks: Bytes) -> Floats:
    return _half(blocks, 0) * _nibbles(blocks[:, 4:]).astype(np.float32) + _half(blocks, 2)


def _q5_0(blocks: Bytes) -> Floats:
    entries = _nibbles(blocks[:, 6:]) | _fifth_bits(blocks[:, 2:6])
    return _half(blocks, 0) * (entries.astype(np.int8) - 16).astype(np.float32)


def _q5_1(blocks: Bytes) -> Floats:
    entries = _nibbles(blocks[:, 8:]) | _fifth_bits(blocks[:, 4:8])
    return _half(blocks, 0) * entries.astype(np.float32) + _half(blocks, 2)


def _q8_0(blocks: Bytes) -> Floats:
    return _half(blocks, 0) * blocks[:, 2:].view(np.int8).astype(np.float32)


# -- super-blocks of 256: scales of their parts are quantised too ------------------------------


def _scaled(scales: Floats, entries: NDArray[Any], minima: Floats | None = None) -> Floats:
    """scales, minima [block, part]; entries [block, 256] -> scale · entry (− minimum), [block,
    256].
    """
    parts = (
        entries.reshape(len(entries), scales.shape[1], -1).astype(np.float32) * scales[:, :, None]
    )
    if minima is not None:
        parts -= minima[:, :, None]
    return parts.reshape(len(entries), SUPER)


def _crumbs(packed: Bytes) -> Bytes:
    """[block, 64] -> [block, 256] of two bits: 32 bytes at a time give their lowest pairs, then the
    next ones.
    """
    pairs: Bytes = packed.reshape(-1, 2, 1, 32) >> np.array([0, 2, 4, 6], dtype=np.uint8)[
        :, None
    ] & np.uint8(3)
    return pairs.reshape(-1, SUPER)


def _quarters(packed: Bytes) -> Bytes:
    """[block, 128] -> [block, 256] of four bits: 32 bytes at a time give their low halves, then
    their high ones.
    """
    halves: Bytes = packed.reshape(-1, 4, 1, 32) >> np.array([0, 4], dtype=np.uint8)[
        :, None
    ] & np.uint8(15)
    return halves.reshape(-1, SUPER)


def _six_bit_pairs(packed: Bytes) -> tuple[Floats, Floats]:
    """Q4_K's and Q5_K's 12 bytes -> scales and minima of the 8 parts, each [block, 8], 0 to 63.

    Bytes 0–3: scales of parts 0–3, bytes 4–7: minima likewise, six low bits each; their two high
    bits are the high bits of scales and minima of parts 4–7, whose low four bits are the halves of
    bytes 8–11.
    """
    first, second, third = packed[:, 0:4], packed[:, 4:8], packed[:, 8:12]
    scales = np.concatenate([first & 0x3F, (third & 0x0F) | ((first >> 2) & 0x30)], axis=1)
    minima = np.concatenate([second & 0x3F, (third >> 4) | ((second >> 2) & 0x30)], axis=1)
    return scales.astype(np.float32), minima.astype(np.float32)


def _q2_k(blocks: Bytes) -> Floats:
    scales = _half(blocks, 80) * (blocks[:, :16] & 0x0F).astype(np.float32)
    minima = _half(blocks, 82) * (blocks[:, :16] >> 4).astype(np.float32)
    return _scaled(scales, _crumbs(blocks[:, 16:80]), minima)


def _q3_k(blocks: Bytes) -> Floats:
    low, high = _nibbles(blocks[:, 96:104]), blocks[:, 104:108]
    tops = np.concatenate([(high >> shift) & 3 for shift in (0, 2, 4, 6)], axis=1)
    scales = _half(blocks, 108) * ((low | tops << 4).astype(np.int8) - 32).astype(np.float32)
    masked = (
        blocks[:, None, :32] >> np.arange(8, dtype=np.uint8)[:, None]
    )  # bit i: of entries 32 i to 32 i + 31
    without = (~masked & 1).reshape(-1, SUPER)  # a bit that is not set takes four away
    return _scaled(
        scales, _crumbs(blocks[:, 32:96]).astype(np.int8) - (without << 2).astype(np.int8)
    )


def _q4_k(blocks: Bytes) -> Floats:
    scales, minima = _six_bit_pairs(blocks[:, 4:16])
    return _scaled(_half(blocks, 0) * scales, _quarters(blocks[:, 16:]), _half(blocks, 2) * minima)


def _q5_k(blocks: Bytes) -> Floats:
    scales, minima = _six_bit_pairs(blocks[:, 4:16])
    fifth = (blocks[:, None, 16:48] >> np.arange(8, dtype=np.uint8)[:, None]) & 1
    entries = _quarters(blocks[:, 48:]) | (fifth << 4).reshape(-1, SUPER)
    return _scaled(_half(blocks, 0) * scales, entries, _half(blocks, 2) * minima)


def _q6_k(blocks: Bytes) -> Floats:
    """Entries in two halves of 128: 64 bytes of low bits, 32 of high ones; 16 scales of int8."""
    low = blocks[:, :128].reshape(-1, 2, 1, 64) >> np.array([0, 4], dtype=np.uint8)[:, None]
    high = (
        blocks[:, 128:192].reshape(-1, 2, 1, 32) >> np.array([0, 2, 4, 6], dtype=np.uint8)[:, None]
    )
    entries = (low & 0x0F).reshape(-1, SUPER) | ((high & 3) << 4).reshape(-1, SUPER)
    scales = _half(blocks, 208) * blocks[:, 192:208].view(np.int8).astype(np.float32)
    return _scaled(scales, entries.astype(np.int8) - 32)


BLOCKS: dict[int, BlockType] = {
    0: BlockType("F32", 1, 4, _plain("<f4")),
    1: BlockType("F16", 1, 2, _plain("<f2")),
    30: BlockType("BF16", 1, 2, _bfloat16),
    2: BlockType("Q4_0", SMALL, 18, _q4_0),
    3: BlockType("Q4_1", SMALL, 20, _q4_1),
    6: BlockType("Q5_0", SMALL, 22, _q5_0),
    7: BlockType("Q5_1", SMALL, 24, _q5_1),
    8: BlockType("Q8_0", SMALL, 34, _q8_0),
    10: BlockType("Q2_K", SUPER, 84, _q2_k),
    11: BlockType("Q3_K", SUPER, 110, _q3_k),
    12: BlockType("Q4_K", SUPER, 144, _q4_k),
    13: BlockType("Q5_K", SUPER, 176, _q5_k),
    14: BlockType("Q6_K", SUPER, 210, _q6_k),
}
