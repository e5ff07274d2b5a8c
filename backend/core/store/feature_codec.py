"""Ragged columns of small integers, packed for a range of features:
about a third of what DuckDB's lists take.

One blob is the lists of one column for the features of a chunk: how long each list is, then all
values one after another; both as deflated byte planes (edge_codec). Negative values are folded in
between the others.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from backend.core.store.edge_codec import deflate, inflate, narrow

FEATURES_PER_CHUNK = 256
_HEAD = struct.Struct("<II")  # bytes of the packed lengths, number of values

Ints = npt.NDArray[np.int64]


def pack_lists(lists: Sequence[Sequence[int]]) -> bytes:
    """A blob of whole numbers within 63 bits."""
    sizes = np.array([len(one) for one in lists], dtype=np.int64)
    values = np.array([value for one in lists for value in one], dtype=np.int64)
    folded = np.where(values < 0, -2 * values - 1, 2 * values)
    lengths = deflate(narrow(sizes))
    return _HEAD.pack(len(lengths), len(values)) + lengths + deflate(narrow(folded))


def unpack_lists(blob: bytes, n: int) -> list[Ints]:
    """The n lists of `pack_lists`."""
    sizes, values = _unpacked(blob, n)
    return np.split(_unfolded(values), np.cumsum(sizes)[:-1])


def unpack_list(blob: bytes, n: int, place: int) -> list[int]:
    """One of them."""
    sizes, values = _unpacked(blob, n)
    start = int(sizes[:place].sum())
    unfolded: list[int] = _unfolded(values[start : start + int(sizes[place])]).tolist()
    return unfolded


def _unpacked(blob: bytes, n: int) -> tuple[Ints, Ints]:
    n_bytes, n_values = _HEAD.unpack_from(blob)
    return inflate(blob[_HEAD.size : _HEAD.size + n_bytes], n), inflate(
        blob[_HEAD.size + n_bytes :], n_values
    )


def _unfolded(folded: Ints) -> Ints:
    return np.where(folded & 1, -(folded + 1) // 2, folded // 2)
