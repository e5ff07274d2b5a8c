"""Connections to DuckDB in memory, and builds attached to them.

DuckDB fetches an extension from the network when it meets a file of another kind, and applies a
write-ahead log that it finds beside a file. Neither happens here: what is read is the file alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from backend.core.duckdb_errors import StrayLog

# nothing is fetched, and nothing but what is built in is loaded
ALONE = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
}
_MAGIC, _MAGIC_AT = b"DUCK", 8
_SQLITE = b"SQLite format 3\0"


def in_memory(**config: Any) -> duckdb.DuckDBPyConnection:
    """A connection that reaches out to nothing. config: DuckDB's own settings."""
    return duckdb.connect(":memory:", config=ALONE | config)


def attach_read_only(connection: duckdb.DuckDBPyConnection, path: Path, alias: str) -> None:
    """ValueError for a file of another kind; StrayLog for one with a write-ahead log beside it,
    which would be applied; duckdb.Error for one that is damaged or held by a writer.
    """
    with path.open("rb") as file:
        head = file.read(len(_SQLITE))
    if head[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] != _MAGIC:
        raise ValueError("it is a SQLite file" if head == _SQLITE else "it is no DuckDB file")
    log = path.with_name(path.name + ".wal")
    was_there = log.exists()
    quoted = str(path).replace("'", "''")
    connection.execute(f"ATTACH '{quoted}' AS {alias} (READ_ONLY)")
    if was_there or log.exists():
        connection.execute(f"DETACH DATABASE {alias}")
        raise StrayLog(
            f"{log} lies beside {path.name}: a program wrote to it and did not finish, and what is "
            "in the log would be read as part of it. Delete the log, or finish there, then ask "
            "again."
        )
