"""The read side of a build: named queries over one read-only DuckDB file.

DuckDB gives a process the old file until every connection to it is closed, and one connection
shared by threads gives wrong answers. So: one in-memory hub, the file attached read-only under a
new alias for each generation, a cursor per call.
"""

from __future__ import annotations

import json
import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from backend.core.duckdb_errors import DAMAGED
from backend.core.duckdb_memory import attach_read_only, in_memory
from backend.core.store.base import (
    PROVENANCE,
    SAES,
    Generation,
    SaeRow,
    StoreError,
    StoreHeld,
    StoreInvalid,
    StoreMissing,
    unreadable,
)
from backend.core.store.coverage import DENOMINATORS, MIN_COUNTS, ORDERS, CoverageQueries
from backend.core.store.features import EXAMPLE_SOURCE, FEATURE_ORDERS, FeatureQueries
from backend.core.store.graph.queries import GraphQueries

SCHEMA_VERSION = 1
HEADER_BYTES = 3 * 4096  # of a DuckDB file, before its blocks
REMEDY = "make one with `functionscope precompute all`"

__all__ = [
    "DENOMINATORS",
    "EXAMPLE_SOURCE",
    "FEATURE_ORDERS",
    "MIN_COUNTS",
    "ORDERS",
    "SCHEMA_VERSION",
    "Store",
    "StoreError",
    "StoreHeld",
    "StoreInvalid",
    "StoreMissing",
    "unreadable",
]


class Store(FeatureQueries, CoverageQueries, GraphQueries):
    """A build, opened read-only; safe to share between threads;
    follows the file when it is replaced.
    """

    def __init__(self, path: Path, memory_limit: str) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._hub = in_memory(memory_limit=memory_limit, threads=2)
        self._opened = 0
        try:
            self._generation = self._attach()
        except StoreError:
            self._hub.close()
            raise

    @classmethod
    def open(cls, path: str | Path, *, memory_limit: str = "1GB") -> Store:
        """Open a build. Raises StoreMissing or StoreInvalid, which name the file and the remedy."""
        return cls(Path(path), memory_limit)

    def close(self) -> None:
        """Let go of the file; the store cannot be used afterwards."""
        self._hub.close()

    def provenance(self) -> dict[str, Any]:
        """Model, SAEs, corpus, counts, job settings, code version, created_at, schema_version."""
        return self._current().provenance

    def saes(self) -> list[SaeRow]:
        """The SAEs of the build, by layer."""
        return [row for _, _, row in self._current().saes.values()]

    @property
    def edges_from(self) -> int:
        """Firings from which an edge is listed; curves, degrees and features count all edges."""
        return self._current().edges_from

    # -- opening ---------------------------------------------------------------------------------

    def _signature(self) -> tuple[int, int, int]:
        try:
            status = os.stat(self.path)
        except OSError as error:
            raise StoreMissing(f"no build at {self.path}: {REMEDY}") from error
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _attach(self) -> Generation:
        signature, alias = self._signature(), f"build_{self._opened}"
        self._opened += 1
        try:
            attach_read_only(self._hub, self.path, alias)
            self._check_length(alias, signature[2])
            return self._read_generation(signature, alias)
        except (duckdb.Error, KeyError, ValueError, OSError) as error:
            _detach(self._hub, alias)
            raise unreadable(self.path, "build", error, REMEDY) from error
        except StoreInvalid:
            _detach(self._hub, alias)
            raise

    def _check_length(self, alias: str, length: int) -> None:
        """ValueError for a file that was cut short:
        DuckDB would notice at the first query that reads so far.
        """
        sizes = (
            "SELECT block_size, total_blocks FROM pragma_database_size() WHERE database_name = ?"
        )
        with self._hub.cursor() as cursor:
            block_size, blocks = cursor.execute(sizes, [alias]).fetchall()[0]
        whole = HEADER_BYTES + block_size * blocks
        if length < whole:
            raise ValueError(f"{length:,} of {whole:,} bytes: it was cut short")

    def _read_generation(self, signature: tuple[int, int, int], alias: str) -> Generation:
        cursor = self._hub.cursor()
        try:
            cursor.execute(f"USE {alias}")
            provenance = {
                key: json.loads(value) for key, value in cursor.execute(PROVENANCE).fetchall()
            }
            if provenance["schema_version"] != SCHEMA_VERSION:
                raise StoreInvalid(
                    f"{self.path} has schema version {provenance['schema_version']}; this "
                    f"program reads {SCHEMA_VERSION}: {REMEDY}"
                )
            rows = cursor.execute(SAES).fetchall()
        finally:
            cursor.close()
        saes = {}
        for ordinal, scale, *values, grid, quantiles in rows:
            row = SaeRow(*(*values, tuple(grid), tuple(quantiles)))
            saes[row.sae_id] = (ordinal, scale, row)
        generation = Generation(signature, alias, provenance, saes)
        # detached when the last call that holds it has returned, not before
        weakref.finalize(generation, _detach, self._hub, alias).atexit = False
        return generation

    def _current(self) -> Generation:
        signature = self._signature()
        with self._lock:
            if signature != self._generation.signature:
                self._generation = self._attach()
            return self._generation

    @contextmanager
    def _reading(self, generation: Generation) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor on one generation; a file that cannot be read through is StoreInvalid."""
        cursor = self._hub.cursor()
        try:
            cursor.execute(f"USE {generation.alias}")
            yield cursor
        except DAMAGED as error:
            raise unreadable(self.path, "build", error, REMEDY) from error
        finally:
            cursor.close()

    def _query(
        self, generation: Generation, statement: str, parameters: Sequence[Any] = ()
    ) -> list[tuple[Any, ...]]:
        with self._reading(generation) as cursor:
            return cursor.execute(statement, list(parameters)).fetchall()

    def _columns(
        self, generation: Generation, statement: str, parameters: Sequence[Any] = ()
    ) -> dict[str, Any]:
        with self._reading(generation) as cursor:
            found = cursor.execute(statement, list(parameters)).fetchnumpy()
        for name, column in found.items():
            if np.ma.is_masked(column):
                raise StoreInvalid(f"{self.path}: column {name} holds NULLs: {REMEDY}")
        return {name: np.asarray(column) for name, column in found.items()}


def _detach(hub: duckdb.DuckDBPyConnection, alias: str) -> None:
    """Let go of one generation of the file, from whichever thread;
    nothing to do once the hub is closed.
    """
    try:
        with hub.cursor() as cursor:
            cursor.execute(f"DETACH DATABASE IF EXISTS {alias}")
    except duckdb.ConnectionException:
        return
