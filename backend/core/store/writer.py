"""The write side of a build: write FILE.new, check it, rename it into place.

Whatever goes wrong before the rename leaves the old build as it was.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from backend.core.duckdb_memory import in_memory
from backend.core.store.base import StoreError
from backend.core.store.edge_codec import Edges, pack
from backend.core.store.store import SCHEMA_VERSION, Store

SCHEMA = Path(__file__).with_name("schema.sql")
# A query reads the blobs of up to 2,048 neighbouring rows, whichever it wants: 1.3 ms a token at
# 8,192 edges,
# 5.6 ms at 32,768; smaller chunks deflate hardly worse.
EDGES_PER_CHUNK = 8_192
# A column takes a block at least, and packs badly into one that is too small: measured on 5M edges,
# blocks of 16 KiB give 14.2 MB, of 64 KiB 11.5, of 256 KiB 13.9.
SMALL_BLOCK, LARGE_BLOCK, LARGE_FROM_EDGES = 65_536, 262_144, 50_000_000
WRITING: dict[str, Any] = {"memory_limit": "4GB"}


class BuildNotWritten(StoreError):
    """The new build could not be written; the old one is untouched."""


@dataclass(frozen=True)
class EdgePieces:
    """Edges too many for memory: `read` gives them anew, as pieces of whole tokens, ascending."""

    n_edges: int
    read: Callable[[], Iterable[Edges]]


@dataclass(frozen=True)
class SaeEdges:
    """What one SAE's edges become on disk: `act_scale` is its largest activation."""

    sae_ordinal: int
    sae_id: str
    edges: Edges | EdgePieces
    act_scale: float

    @property
    def n_edges(self) -> int:
        return (
            self.edges.n_edges if isinstance(self.edges, EdgePieces) else len(self.edges.token_id)
        )

    def pieces(self) -> Iterable[Edges]:
        """All edges, sorted by (token_id, feature_index), cut between tokens."""
        return self.edges.read() if isinstance(self.edges, EdgePieces) else [self.edges]


class EdgeDigest:
    """Hash of the exact columns of edges, however they are cut into pieces."""

    def __init__(self) -> None:
        self.n_edges = 0
        self._columns = {
            name: hashlib.blake2b(digest_size=16)
            for name in ("token_id", "feature_index", "n_firings")
        }

    def add(self, edges: Edges) -> None:
        self.n_edges += len(edges.token_id)
        for name, column in self._columns.items():
            column.update(np.ascontiguousarray(getattr(edges, name), dtype=np.int64).tobytes())

    def value(self) -> tuple[int, ...]:
        return self.n_edges, *(int.from_bytes(column.digest()) for column in self._columns.values())


def chunks(edges: Edges) -> Iterator[Edges]:
    """Runs of whole tokens, of at least EDGES_PER_CHUNK edges each except the last."""
    ends = np.flatnonzero(np.diff(edges.token_id, append=-1)) + 1
    start = 0
    for end in ends.tolist():
        if end - start >= EDGES_PER_CHUNK or end == len(edges.token_id):
            yield edges.take(slice(start, end))
            start = end


def publish(
    path: Path,
    tables: Mapping[str, Any],
    edges: Sequence[SaeEdges],
    provenance: Mapping[str, Any],
) -> None:
    """Write a whole build and put it in the place of `path`.

    tables: name -> anything that DuckDB can scan with the columns of schema.sql (an Arrow table).
    BuildNotWritten, with the old build untouched, on any failure.
    """
    new, loose = path.with_name(path.name + ".new"), path.with_name(path.name + ".loose.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        loose.unlink(missing_ok=True)
        block = (
            LARGE_BLOCK if sum(sae.n_edges for sae in edges) >= LARGE_FROM_EDGES else SMALL_BLOCK
        )
        written = _write(loose, block, tables, edges, provenance)
        _compact(loose, new, block)
        _check(new, written)
        _sync(new)
        os.replace(new, path)
        _sync(path.parent)
    except (OSError, duckdb.Error, StoreError) as error:
        reason = str(error).splitlines()[0]
        raise BuildNotWritten(
            f"{path} was not written ({reason}); an older build there is untouched."
        ) from error
    finally:
        for left in (new, loose):
            left.unlink(missing_ok=True)
            left.with_name(left.name + ".wal").unlink(missing_ok=True)


def _attach(path: Path, name: str, options: str) -> str:
    quoted = str(path).replace("'", "''")
    return f"ATTACH '{quoted}' AS {name} ({options})"


def _compact(loose: Path, path: Path, block: int) -> None:
    """A copy without free blocks: a file that was filled row by row keeps a third
    of its size in them.
    """
    with in_memory(**WRITING) as connection:
        connection.execute(_attach(loose, "loose", "READ_ONLY"))
        connection.execute(_attach(path, "build", f"BLOCK_SIZE {block}, STORAGE_VERSION 'v1.5.0'"))
        connection.execute("COPY FROM DATABASE loose TO build")
        connection.execute("CHECKPOINT build")
        connection.execute("DETACH build")
    loose.unlink()


def _write(
    path: Path,
    block: int,
    tables: Mapping[str, Any],
    edges: Sequence[SaeEdges],
    provenance: Mapping[str, Any],
) -> dict[str, tuple[int, ...]]:
    """sae_id -> digest of the edges as they went in."""
    digests = {}
    with in_memory(**WRITING) as connection:
        connection.execute(_attach(path, "build", f"BLOCK_SIZE {block}, STORAGE_VERSION 'v1.5.0'"))
        connection.execute("USE build")
        connection.execute(SCHEMA.read_text())
        stated = {**provenance, "schema_version": SCHEMA_VERSION}
        connection.executemany(
            "INSERT INTO provenance VALUES (?, ?)",
            [[key, json.dumps(value)] for key, value in stated.items()],
        )
        for name, table in tables.items():
            connection.register("incoming", table)
            connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM incoming")
            connection.unregister("incoming")
        for sae in edges:
            digest = EdgeDigest()
            for piece in sae.pieces():
                digest.add(piece)
                _insert_chunks(connection, sae, chunks(piece))
            digests[sae.sae_id] = digest.value()
        connection.execute("CHECKPOINT build")
        connection.execute("USE memory")
        connection.execute("DETACH build")
    if path.with_name(path.name + ".wal").exists():
        raise OSError(f"{path}.wal was left behind")
    return digests


def _insert_chunks(
    connection: duckdb.DuckDBPyConnection, sae: SaeEdges, parts: Iterator[Edges]
) -> None:
    rows = [{"sae_ordinal": sae.sae_ordinal, **vars(pack(part, sae.act_scale))} for part in parts]
    if rows:
        connection.register("incoming", pa.Table.from_pylist(rows))
        connection.execute("INSERT INTO edge_chunk BY NAME SELECT * FROM incoming")
        connection.unregister("incoming")


def _check(path: Path, written: Mapping[str, tuple[int, ...]]) -> None:
    """Read the file back as the server will: every SAE's edges must come out as they went in."""
    store = Store.open(path)
    try:
        stated = {row.sae_id: row.n_edges for row in store.saes()}
        for sae_id, digest in written.items():
            read = EdgeDigest()
            for piece in store.edge_pieces(sae_id):
                read.add(piece)
            if read.value() != digest or stated.get(sae_id) != read.n_edges:
                raise BuildNotWritten(f"{path}: the edges of {sae_id} do not read back as written")
            store.coverage(sae_id, max_rank=1)
    finally:
        store.close()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
