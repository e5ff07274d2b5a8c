"""Companions: small result files that belong to one build, read-only DuckDB beside it.

`lab.duckdb` has `lab.statistics.duckdb`, `lab.consolidation.duckdb` and so on: results that take
long to compute and little room, and that can be made again without writing the build anew. A
companion names the build that it was computed from; beside another build it is refused, not shown.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from backend.core.duckdb_errors import DAMAGED
from backend.core.duckdb_memory import attach_read_only, in_memory
from backend.core.store import StoreError, StoreInvalid, StoreMissing, unreadable

BLOCK_SIZE = 16_384  # a column takes a block at least; the tables are small
_PROVENANCE = "CREATE TABLE provenance (key VARCHAR NOT NULL, value VARCHAR NOT NULL)"


def companion_path(build: Path, kind: str) -> Path:
    """`lab.duckdb`, "statistics" -> `lab.statistics.duckdb`."""
    return build.with_name(f"{build.stem}.{kind}.duckdb")


def build_identity(provenance: Mapping[str, Any]) -> str:
    """Hash of a build's provenance, 16 hex digits:
    two builds with one identity hold the same numbers.
    """
    text = json.dumps(dict(provenance), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_companion(
    path: Path, schema: str, version: int, tables: Mapping[str, Any], provenance: Mapping[str, Any]
) -> None:
    """Write a whole companion and put it in the place of `path`; on any failure the old one stays.

    schema: CREATE TABLE statements. tables: name -> Arrow table with the columns of the schema.
    provenance: JSON values; "build" is the identity of the build it belongs to, or null for none.
    """
    if "build" not in provenance:
        raise ValueError(
            "provenance lacks 'build', the identity of the build that the results belong to"
        )
    new = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        _write(new, schema, tables, {**provenance, "schema_version": version})
        with new.open("rb") as handle:
            os.fsync(handle.fileno())
        os.replace(new, path)
    except (OSError, duckdb.Error) as error:
        reason = str(error).splitlines()[0]
        raise StoreError(
            f"{path} was not written ({reason}); an older file there is untouched"
        ) from error
    finally:
        new.unlink(missing_ok=True)
        new.with_name(new.name + ".wal").unlink(missing_ok=True)


def _write(
    path: Path, schema: str, tables: Mapping[str, Any], provenance: Mapping[str, Any]
) -> None:
    quoted = str(path).replace("'", "''")
    with in_memory() as connection:
        connection.execute(
            f"ATTACH '{quoted}' AS made (BLOCK_SIZE {BLOCK_SIZE}, STORAGE_VERSION 'v1.5.0')"
        )
        connection.execute("USE made")
        connection.execute(_PROVENANCE)
        connection.execute(schema)
        rows = [[key, json.dumps(value)] for key, value in provenance.items()]
        connection.executemany("INSERT INTO provenance VALUES (?, ?)", rows)
        for name, table in tables.items():
            connection.register("incoming", table)
            connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM incoming")
            connection.unregister("incoming")
        connection.execute("CHECKPOINT made")
        connection.execute("USE memory")
        connection.execute("DETACH made")


class Companion:
    """A result file, opened read-only; safe to share between threads;
    follows the file when it is replaced.

    Subclasses hold the named queries. `version` is the schema version that they read, `older` those
    before it that they read too, `remedy` the command that makes the file. `since` names what came
    later, a `table` or a `table.column`, with the version that brought it.
    """

    version: int
    older: tuple[int, ...] = ()
    since: Mapping[str, int] = {}
    remedy: str

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._signature: tuple[int, int, int] | None = None
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._provenance: dict[str, Any] = {}

    def provenance(self) -> dict[str, Any]:
        """What the results were computed from;
        StoreMissing or StoreInvalid name the file and the remedy.
        """
        self._follow()
        return self._provenance

    def require(self, identity: str | None) -> None:
        """StoreInvalid unless the file was computed from the build of that identity,
        or belongs to none.
        """
        stated = self.provenance()["build"]
        if stated is not None and stated != identity:
            raise StoreInvalid(
                f"{self.path} was computed from build {stated}, not {identity}: {self.remedy}"
            )

    def has(self, name: str) -> bool:
        """Whether this file's version has the `table` or the `table.column`."""
        table = name.partition(".")[0]
        brought = max(self.since.get(one, 0) for one in (table, name))
        return int(self.provenance()["schema_version"]) >= brought

    def selected(self, table: str, columns: Iterable[str]) -> str:
        """Columns of a table for SELECT: NULL for one that this file is too old for."""
        return ", ".join(
            name if self.has(f"{table}.{name}") else f"NULL AS {name}" for name in columns
        )

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a statement with bound parameters, on a cursor of its own."""
        with self._open() as cursor:
            try:
                cursor.execute("USE results")
                return cursor.execute(statement, list(parameters)).fetchall()
            except DAMAGED as error:
                raise unreadable(self.path, "result file", error, self.remedy) from error

    def _open(self) -> duckdb.DuckDBPyConnection:
        """A cursor on the newest file."""
        connection = self._follow()
        with self._lock:
            return connection.cursor()

    def _follow(self) -> duckdb.DuckDBPyConnection:
        """The connection to the newest file.

        One look at the disk: under load, each lets another thread go first.
        """
        try:
            status = os.stat(self.path)
        except OSError as error:
            raise StoreMissing(f"no results at {self.path}: {self.remedy}") from error
        signature = (status.st_ino, status.st_mtime_ns, status.st_size)
        with self._lock:
            if self._connection is None or signature != self._signature:
                self._reopen()
                self._signature = signature
            assert self._connection is not None
            return self._connection

    def _reopen(self) -> None:
        """A hub in memory with the file attached:
        DuckDB would give the old file of a connection by path.
        """
        hub = in_memory(memory_limit="256MB", threads=1)
        try:
            attach_read_only(hub, self.path, "results")
            hub.execute("USE results")
            found = {
                key: json.loads(value)
                for key, value in hub.execute("SELECT * FROM provenance").fetchall()
            }
            if found["schema_version"] not in (self.version, *self.older):
                raise StoreInvalid(
                    f"{self.path} has schema version {found['schema_version']}; this program reads "
                    f"{self.version}: {self.remedy}"
                )
        except (duckdb.Error, KeyError, ValueError, OSError) as error:
            hub.close()
            raise unreadable(self.path, "result file", error, self.remedy) from error
        except StoreInvalid:
            hub.close()
            raise
        self._connection, self._provenance = hub, found
