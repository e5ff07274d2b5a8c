"""Recorded runs: immutable results by the hash of everything that determined them.

Many small writes, so not DuckDB: one SQLite file in WAL mode, through SQLAlchemy Core.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError

ID_LENGTH = 20  # hex digits: 80 bits

_METADATA = sa.MetaData()
_RUN = sa.Table(
    "run",
    _METADATA,
    sa.Column("run_id", sa.String(ID_LENGTH), primary_key=True),
    sa.Column("kind", sa.String, nullable=False, comment="inspect or steer"),
    sa.Column("request", sa.LargeBinary, nullable=False, comment="zlib-compressed JSON, as the next two"),
    sa.Column("result", sa.LargeBinary, nullable=False),
    sa.Column("provenance", sa.LargeBinary, nullable=False),
    sa.Column("title", sa.String, comment="may be given once, later than the rest"),
    sa.Column("note", sa.String, comment="likewise"),
    sa.Column("recorded_at", sa.String, nullable=False, comment="UTC, ISO 8601"),
)


class RunsUnavailable(Exception):
    """The file of recorded runs cannot be read or written; the message names it."""


class LabelConflict(Exception):
    """The run already has another title or note."""


@dataclass(frozen=True)
class RunRow:
    run_id: str
    kind: str
    request: dict[str, Any]
    result: dict[str, Any]
    provenance: dict[str, Any]
    title: str | None
    note: str | None
    recorded_at: str


def run_id_of(kind: str, determinants: Mapping[str, Any]) -> str:
    """Hex id over `kind` and all that determines the result, whatever the order of the keys.

    `determinants` must be plain JSON; NaN is refused with ValueError.
    """
    text = json.dumps([kind, determinants], sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:ID_LENGTH]


class RunStore:
    """The file of recorded runs. Made at the first use; safe from several threads and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def put(
        self,
        run_id: str,
        kind: str,
        *,
        request: Mapping[str, Any],
        result: Mapping[str, Any],
        provenance: Mapping[str, Any],
    ) -> bool:
        """Record a run; False when it was there already, which leaves the first one as it is."""
        row = {
            "run_id": run_id,
            "kind": kind,
            "request": _pack(request),
            "result": _pack(result),
            "provenance": _pack(provenance),
            "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with self._connection() as connection:
            statement = insert(_RUN).values(row).on_conflict_do_nothing()
            return connection.execute(statement).rowcount == 1

    def label(self, run_id: str, title: str | None, note: str | None) -> None:
        """Give a run its title and note, once: LabelConflict when it has others, KeyError if unknown."""
        with self._connection() as connection:
            mine = _RUN.c.run_id == run_id
            held = connection.execute(sa.select(_RUN.c.title, _RUN.c.note).where(mine)).one_or_none()
            if held is None:
                raise KeyError(run_id)
            for name, old, new in (("title", held.title, title), ("note", held.note, note)):
                if new is not None and old not in (None, new):
                    raise LabelConflict(
                        f"Run {run_id} is already recorded with the {name} {old!r}; runs do not change. "
                        f"Leave the {name} out to get its link."
                    )
            fresh = {name: new for name, new in (("title", title), ("note", note)) if new is not None}
            if fresh:
                connection.execute(sa.update(_RUN).where(mine).values(fresh))

    def get(self, run_id: str) -> RunRow | None:
        """The run, or None."""
        with self._connection() as connection:
            found = connection.execute(sa.select(_RUN).where(_RUN.c.run_id == run_id)).one_or_none()
        if found is None:
            return None
        return RunRow(
            run_id=found.run_id,
            kind=found.kind,
            request=_unpack(found.request),
            result=_unpack(found.result),
            provenance=_unpack(found.provenance),
            title=found.title,
            note=found.note,
            recorded_at=found.recorded_at,
        )

    def has(self, run_id: str) -> bool:
        """Whether it is recorded, without reading the result."""
        with self._connection() as connection:
            found = connection.execute(sa.select(_RUN.c.kind).where(_RUN.c.run_id == run_id))
            return found.one_or_none() is not None

    def close(self) -> None:
        """Let go of the file."""
        if "_engine" in vars(self):
            self._engine.dispose()

    @cached_property
    def _engine(self) -> sa.Engine:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(sa.URL.create("sqlite", database=str(self.path)))

        @sa.event.listens_for(engine, "connect")
        def set_wal(connection: Any, _: Any) -> None:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA busy_timeout=5000")

        _METADATA.create_all(engine)
        return engine

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        """A transaction. Errors of the file become RunsUnavailable."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            reason = str(getattr(error, "orig", None) or error)
            raise RunsUnavailable(
                f"Recorded runs at {self.path} cannot be used ({reason}): set FUNCTIONSCOPE_RUNS to a "
                "file in a folder that can be written."
            ) from error


def _pack(value: Mapping[str, Any]) -> bytes:
    return zlib.compress(json.dumps(value, separators=(",", ":"), allow_nan=False).encode("utf-8"), 6)


def _unpack(packed: bytes) -> dict[str, Any]:
    unpacked: dict[str, Any] = json.loads(zlib.decompress(packed))
    return unpacked
