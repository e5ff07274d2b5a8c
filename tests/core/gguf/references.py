"""ggml's block formats once more, entry by entry in plain Python: what the product's NumPy must
agree with.

The loops follow the format's description, a byte at a time, and share nothing with the product.
Products and sums are float32's, in the order of the reference.
"""

import struct
from collections.abc import Callable, Sequence

import numpy as np

f32 = np.float32


def half(block: Sequence[int], at: int) -> np.float32:
    return f32(struct.unpack("<e", bytes(block[at : at + 2]))[0])


def q4_0(b: Sequence[int]) -> list[np.float32]:
    d, y = half(b, 0), [f32(0)] * 32
    for j in range(16):
        y[j] = d * f32((b[2 + j] & 15) - 8)
        y[j + 16] = d * f32((b[2 + j] >> 4) - 8)
    return y


def q4_1(b: Sequence[int]) -> list[np.float32]:
    d, m, y = half(b, 0), half(b, 2), [f32(0)] * 32
    for j in range(16):
        y[j] = d * f32(b[4 + j] & 15) + m
        y[j + 16] = d * f32(b[4 + j] >> 4) + m
    return y


def fifths(b: Sequence[int], at: int) -> list[int]:
    (bits,) = struct.unpack("<I", bytes(b[at : at + 4]))
    return [(bits >> j) & 1 for j in range(32)]


def q5_0(b: Sequence[int]) -> list[np.float32]:
    d, top, y = half(b, 0), fifths(b, 2), [f32(0)] * 32
    for j in range(16):
        y[j] = d * f32((b[6 + j] & 15) + 16 * top[j] - 16)
        y[j + 16] = d * f32((b[6 + j] >> 4) + 16 * top[j + 16] - 16)
    return y


def q5_1(b: Sequence[int]) -> list[np.float32]:
    d, m, top, y = half(b, 0), half(b, 2), fifths(b, 4), [f32(0)] * 32
    for j in range(16):
        y[j] = d * f32((b[8 + j] & 15) + 16 * top[j]) + m
        y[j + 16] = d * f32((b[8 + j] >> 4) + 16 * top[j + 16]) + m
    return y


def signed(byte: int) -> int:
    return byte - 256 if byte > 127 else byte


def q8_0(b: Sequence[int]) -> list[np.float32]:
    return [half(b, 0) * f32(signed(byte)) for byte in b[2:34]]


def q2_k(b: Sequence[int]) -> list[np.float32]:
    d, least, y, part = half(b, 80), half(b, 82), [], 0
    for start in (16, 48):
        for shift in (0, 2, 4, 6):
            for first in (0, 16):
                scale, minimum = d * f32(b[part] & 15), least * f32(b[part] >> 4)
                part += 1
                y += [scale * f32((b[start + first + i] >> shift) & 3) - minimum for i in range(16)]
    return y


def q3_k(b: Sequence[int]) -> list[np.float32]:
    d, s, y, part = half(b, 108), b[96:108], [], 0
    scales = [(s[i] & 15) | ((s[8 + i] & 3) << 4) for i in range(4)]
    scales += [(s[4 + i] & 15) | (((s[8 + i] >> 2) & 3) << 4) for i in range(4)]
    scales += [(s[i] >> 4) | (((s[8 + i] >> 4) & 3) << 4) for i in range(4)]
    scales += [(s[4 + i] >> 4) | (((s[8 + i] >> 6) & 3) << 4) for i in range(4)]
    mask = 1
    for start in (32, 64):
        for shift in (0, 2, 4, 6):
            for first in (0, 16):
                scale = d * f32(scales[part] - 32)
                part += 1
                for i in range(16):
                    low = (b[start + first + i] >> shift) & 3
                    y.append(scale * f32(low - (0 if b[first + i] & mask else 4)))
            mask <<= 1
    return y


def scale_and_minimum(s: Sequence[int], j: int) -> tuple[int, int]:
    """Q4_K's and Q5_K's six bits of part j, out of 12 bytes."""
    if j < 4:
        return s[j] & 63, s[j + 4] & 63
    return (s[j + 4] & 15) | ((s[j - 4] >> 6) << 4), (s[j + 4] >> 4) | ((s[j] >> 6) << 4)


def q4_k(b: Sequence[int]) -> list[np.float32]:
    d, least, y = half(b, 0), half(b, 2), []
    for part in range(8):
        s, m = scale_and_minimum(b[4:16], part)
        scale, minimum = d * f32(s), least * f32(m)
        for i in range(32):
            byte = b[16 + 32 * (part // 2) + i]
            y.append(scale * f32(byte >> 4 if part % 2 else byte & 15) - minimum)
    return y


def q5_k(b: Sequence[int]) -> list[np.float32]:
    d, least, y = half(b, 0), half(b, 2), []
    for part in range(8):
        s, m = scale_and_minimum(b[4:16], part)
        scale, minimum = d * f32(s), least * f32(m)
        for i in range(32):
            byte = b[48 + 32 * (part // 2) + i]
            low = byte >> 4 if part % 2 else byte & 15
            y.append(scale * f32(low + 16 * ((b[16 + i] >> part) & 1)) - minimum)
    return y


def q6_k(b: Sequence[int]) -> list[np.float32]:
    d, y = half(b, 208), [f32(0)] * 256
    for n in range(2):
        low, high, scales = b[64 * n : 64 * n + 64], b[128 + 32 * n :], b[192 + 8 * n :]
        for i in range(32):
            entries = (
                (low[i] & 15) | ((high[i] & 3) << 4),
                (low[i + 32] & 15) | (((high[i] >> 2) & 3) << 4),
                (low[i] >> 4) | (((high[i] >> 4) & 3) << 4),
                (low[i + 32] >> 4) | (((high[i] >> 6) & 3) << 4),
            )
            for k, entry in enumerate(entries):
                y[128 * n + 32 * k + i] = d * f32(signed(scales[i // 16 + 2 * k])) * f32(entry - 32)
    return y


def bf16(b: Sequence[int]) -> list[np.float32]:
    return [f32(struct.unpack("<f", bytes([0, 0, *b]))[0])]


REFERENCES: dict[str, Callable[[Sequence[int]], list[np.float32]]] = {
    "F32": lambda b: [f32(struct.unpack("<f", bytes(b))[0])],
    "F16": lambda b: [half(b, 0)],
    "BF16": bf16,
    "Q4_0": q4_0,
    "Q4_1": q4_1,
    "Q5_0": q5_0,
    "Q5_1": q5_1,
    "Q8_0": q8_0,
    "Q2_K": q2_k,
    "Q3_K": q3_k,
    "Q4_K": q4_k,
    "Q5_K": q5_k,
    "Q6_K": q6_k,
}
