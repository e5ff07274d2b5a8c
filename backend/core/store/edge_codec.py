"""Edges packed small: exact counts and indices, activations within 2.2 %.

A build must travel with the repository, and its edges are nearly all of it. Plain sorted columns
cost 4 to 8 bytes an edge after DuckDB's bit packing; these planes, deflated, cost about 2.3
(measured on
2.8 million edges). The reasons: gaps between sorted feature indices are small, counts are mostly
small but have a long tail (so their high bytes are runs of zeros), and nobody reads an activation
to more than a few per cent.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_CHUNK_COLUMNS = "token_first, token_last, n_edges, degrees, gaps, n_firings, act_max, act_mean"
EDGE_CHUNKS = f"SELECT {_CHUNK_COLUMNS} FROM edge_chunk WHERE sae_ordinal = $1 ORDER BY token_first"
EDGE_CHUNK_STARTS = "SELECT token_first FROM edge_chunk WHERE sae_ordinal = $1 ORDER BY token_first"
EDGE_COUNT = "SELECT coalesce(sum(n_edges), 0) FROM edge_chunk WHERE sae_ordinal = $1"
EDGE_CHUNKS_BETWEEN = f"""
SELECT {_CHUNK_COLUMNS} FROM edge_chunk
WHERE sae_ordinal = $1 AND token_first BETWEEN $2::UINTEGER AND $3::UINTEGER ORDER BY token_first
"""
# In two steps: a scan by condition reads the blobs of all 2,048 rows around the one it wants (28 ms
# against 3).
EDGE_CHUNK_OF_TOKEN = f"""
SELECT {_CHUNK_COLUMNS} FROM edge_chunk WHERE rowid = (
    SELECT rowid FROM edge_chunk
    WHERE sae_ordinal = $1 AND $2::UINTEGER BETWEEN token_first AND token_last
)
"""


STEPS_PER_OCTAVE = 16
TOP_CODE = 255

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Edges:
    """Parallel arrays [n], sorted by (token_id, feature_index)."""

    token_id: Ints
    feature_index: Ints
    n_firings: Ints
    act_mean: Floats
    act_max: Floats

    def of_token(self, token_id: int) -> Edges:
        """The edges of one token."""
        low, high = np.searchsorted(self.token_id, [token_id, token_id + 1])
        return self.take(slice(int(low), int(high)))

    def take(self, which: slice | Ints) -> Edges:
        """The edges at these places, in this order."""
        return Edges(
            self.token_id[which],
            self.feature_index[which],
            self.n_firings[which],
            self.act_mean[which],
            self.act_max[which],
        )


def joined(parts: Sequence[Edges]) -> Edges:
    """One after another; no parts are no edges."""
    ints, floats = [np.empty(0, np.int64)], [np.empty(0, np.float64)]
    return Edges(
        np.concatenate(ints + [part.token_id for part in parts]),
        np.concatenate(ints + [part.feature_index for part in parts]),
        np.concatenate(ints + [part.n_firings for part in parts]),
        np.concatenate(floats + [part.act_mean for part in parts]),
        np.concatenate(floats + [part.act_max for part in parts]),
    )


@dataclass(frozen=True)
class PackedEdges:
    """One row of the table `edge_chunk`, less its sae_ordinal."""

    token_first: int
    token_last: int
    n_edges: int
    degrees: bytes
    gaps: bytes
    n_firings: bytes
    act_max: bytes
    act_mean: bytes


def encode_activation(activation: npt.ArrayLike, scale: float) -> Codes:
    """Codes of activations in (0, scale]: 16 steps an octave downwards from scale = 255.

    Rounding is within 1/32 octave (2.2 %); what lies below 2^-15.9 of the scale becomes code 0.
    """
    values = np.asarray(activation, dtype=np.float64)
    steps = TOP_CODE + np.round(STEPS_PER_OCTAVE * np.log2(values / scale))
    return np.asarray(np.clip(steps, 0, TOP_CODE), dtype=np.uint8)


def decode_activation(codes: npt.ArrayLike, scale: float) -> Floats:
    """Activations of codes: scale * 2^((code - 255) / 16)."""
    steps = np.asarray(codes, dtype=np.float64) - TOP_CODE
    return np.asarray(scale * np.exp2(steps / STEPS_PER_OCTAVE), dtype=np.float64)


def deflate(values: npt.NDArray[np.unsignedinteger]) -> bytes:
    """Byte planes (all low bytes first) of unsigned integers, zlib level 6: level 9 takes six times
    as long for 1 % (measured on firings with a long tail).
    """
    width = values.dtype.itemsize
    planes = values.astype(values.dtype.newbyteorder("<")).view(np.uint8).reshape(-1, width).T
    return zlib.compress(planes.tobytes(), 6)


def inflate(blob: bytes, n: int) -> Ints:
    """The n integers of `deflate`; the width follows from the length."""
    raw = np.frombuffer(zlib.decompress(blob), dtype=np.uint8)
    width = len(raw) // n if n else 1
    if n and (width not in (1, 2, 4, 8) or width * n != len(raw)):
        raise ValueError(f"{len(raw)} bytes cannot hold {n} integers: the build is damaged")
    planes = raw.reshape(width, n)
    return np.asarray(np.ascontiguousarray(planes.T).view(f"<u{width}").reshape(n), dtype=np.int64)


def narrow(values: Ints) -> npt.NDArray[np.unsignedinteger]:
    """The same values in the narrowest unsigned type that holds them."""
    return values.astype(np.min_scalar_type(int(values.max(initial=0))))


def pack(edges: Edges, scale: float) -> PackedEdges:
    """Pack the edges of a range of tokens; n >= 1, activations in (0, scale].

    Means are stored on the same grid as maxima, as steps below them: each is rounded once only.
    """
    first, last = int(edges.token_id[0]), int(edges.token_id[-1])
    gaps = np.diff(edges.feature_index, prepend=0)
    starts = np.diff(edges.token_id, prepend=-1) != 0
    gaps[starts] = edges.feature_index[starts]
    maximum = encode_activation(edges.act_max, scale)
    octaves_below = np.log2(decode_activation(maximum, scale) / np.maximum(edges.act_mean, 1e-300))
    below = np.clip(np.round(STEPS_PER_OCTAVE * octaves_below), 0, TOP_CODE).astype(np.uint8)
    return PackedEdges(
        first,
        last,
        len(edges.token_id),
        deflate(narrow(np.bincount(edges.token_id - first, minlength=last - first + 1))),
        deflate(narrow(gaps)),
        deflate(narrow(edges.n_firings)),
        deflate(maximum),
        deflate(below),
    )


def unpack(packed: PackedEdges, scale: float) -> Edges:
    """The edges of `pack`: counts and indices exact, activations rounded."""
    n_tokens = packed.token_last - packed.token_first + 1
    degrees = inflate(packed.degrees, n_tokens)
    gaps = inflate(packed.gaps, packed.n_edges)
    running = np.cumsum(gaps)
    starts = np.cumsum(degrees) - degrees
    before = np.concatenate([[0], running])[starts]
    act_max = decode_activation(inflate(packed.act_max, packed.n_edges), scale)
    below = inflate(packed.act_mean, packed.n_edges)
    return Edges(
        np.repeat(np.arange(packed.token_first, packed.token_last + 1), degrees),
        running - np.repeat(before, degrees),
        inflate(packed.n_firings, packed.n_edges),
        act_max * np.exp2(-below / STEPS_PER_OCTAVE),
        act_max,
    )
