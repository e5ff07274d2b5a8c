"""Recorded runs: immutable results by the hash of everything that determined them.

Many small writes, so not DuckDB: SQLite in WAL mode, or PostgreSQL by URL, through SQLAlchemy Core.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from backend.core.runs.labels import Labels
from backend.core.runs.owners import WrongDeleteToken, digest
from backend.core.runs.schema import (
    BUILD,
    ID_LENGTH,
    RACE_ATTEMPTS,
    RACE_SECONDS,
    RUN,
    OtherVersion,
    upgrade,
)


class RunsUnavailable(Exception):
    """The store of recorded runs cannot be read or written; the message names it."""


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
    text = json.dumps(
        [kind, determinants],
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=True,
        allow_nan=False,
    )
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:ID_LENGTH]


def check_url(url: str) -> None:
    """ValueError, whose message does not repeat it, for what is no URL of a database:
    it may hold a password.
    """
    try:
        sa.make_url(url).get_dialect()
    except (SQLAlchemyError, ValueError):  # ValueError: a port that is no number
        raise ValueError(
            f"has {len(url)} characters (not shown, they may hold a password) that are no "
            "SQLAlchemy URL: set it to one such as "
            "postgresql+psycopg://USER:PASSWORD@HOST/DATABASE, or leave it out to keep runs in a "
            "file."
        ) from None


class RunStore:
    """The store of recorded runs.

    Made at the first use; safe from several threads and processes.
    """

    def __init__(self, where: Path | str) -> None:
        """where: an SQLite file, or an SQLAlchemy URL as a string;
        ValueError (check_url) for another string.
        """
        if isinstance(where, str):
            check_url(where)
        self._path = where if isinstance(where, Path) else None
        self._url = (
            sa.URL.create("sqlite", database=str(where))
            if isinstance(where, Path)
            else sa.make_url(where)
        )
        # without its query, where a password may stand too
        self.name = (
            str(where) if isinstance(where, Path) else self._url.set(query={}).render_as_string()
        )
        self.failure = ""  # why the last use failed; empty when it did not
        self._made: sa.Engine | None = None
        self._making = threading.Lock()
        self.labels = Labels(self._connection)

    def put(
        self,
        run_id: str,
        kind: str,
        *,
        request: Mapping[str, Any],
        result: Mapping[str, Any],
        provenance: Mapping[str, Any],
    ) -> str | None:
        """Record a run.

        Its delete token; None when it was there already, which leaves the first one as it is.
        """
        token = secrets.token_urlsafe(18)
        row = {
            "run_id": run_id,
            "kind": kind,
            "request": _pack(request),
            "result": _pack(result),
            "provenance": _pack(provenance),
            "recorded_at": _now(),
            "delete_hash": digest(token),
        }
        return token if self._insert(RUN, row) else None

    def label(self, run_id: str, title: str | None, note: str | None) -> None:
        """Give a run its title and note, once:
        LabelConflict when it has others, KeyError if unknown.
        """
        with self._connection() as connection:
            mine = RUN.c.run_id == run_id
            held = connection.execute(sa.select(RUN.c.title, RUN.c.note).where(mine)).one_or_none()
            if held is None:
                raise KeyError(run_id)
            for name, old, new in (("title", held.title, title), ("note", held.note, note)):
                if new is not None and old not in (None, new):
                    raise LabelConflict(
                        f"Run {run_id} is already recorded with the {name} {old!r}; runs do not "
                        f"change. Leave the {name} out to get its link."
                    )
            fresh = {
                name: new for name, new in (("title", title), ("note", note)) if new is not None
            }
            if fresh:
                connection.execute(sa.update(RUN).where(mine).values(fresh))

    def get(self, run_id: str) -> RunRow | None:
        """The run, or None."""
        with self._connection() as connection:
            found = connection.execute(sa.select(RUN).where(RUN.c.run_id == run_id)).one_or_none()
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
            found = connection.execute(sa.select(RUN.c.kind).where(RUN.c.run_id == run_id))
            return found.one_or_none() is not None

    def check_owner(self, run_id: str, token: str) -> None:
        """Return for whoever recorded the run:
        KeyError if it is unknown, WrongDeleteToken for anybody else.
        """
        with self._connection() as connection:
            found = connection.execute(
                sa.select(RUN.c.delete_hash).where(RUN.c.run_id == run_id)
            ).one_or_none()
        if found is None:
            raise KeyError(run_id)
        if not hmac.compare_digest(found.delete_hash or "", digest(token)):
            raise WrongDeleteToken(run_id)

    def delete(self, run_id: str, token: str) -> None:
        """Remove a run; errors as of `check_owner`."""
        self.check_owner(run_id, token)
        with self._connection() as connection:
            connection.execute(sa.delete(RUN).where(RUN.c.run_id == run_id))

    def remember_build(self, identity: str, provenance: Mapping[str, Any]) -> None:
        """Keep what a served build said of itself,
        so that a link made on it can be explained later.
        """
        plain = json.loads(json.dumps(dict(provenance), default=str))
        self._insert(
            BUILD, {"identity": identity, "provenance": _pack(plain), "first_served_at": _now()}
        )

    def builds(self, prefix: str) -> list[tuple[str, dict[str, Any]]]:
        """(identity, provenance) of the remembered builds whose identity begins with
        `prefix` (hex digits).
        """
        with self._connection() as connection:
            wanted = BUILD.c.identity.startswith(prefix, autoescape=True)
            found = connection.execute(
                sa.select(BUILD).where(wanted).order_by(BUILD.c.identity)
            ).all()
        return [(row.identity, _unpack(row.provenance)) for row in found]

    def close(self) -> None:
        """Let go of the store."""
        if self._made is not None:
            self._made.dispose()

    def _insert(self, table: sa.Table, row: Mapping[str, Any]) -> bool:
        """False when a row with that key was there already."""
        try:
            with self._connection() as connection:
                connection.execute(sa.insert(table).values(row))
        except IntegrityError:
            return False
        return True

    def _engine(self) -> sa.Engine:
        with self._making:
            if self._made is None:
                if self._path is not None:
                    self._path.parent.mkdir(parents=True, exist_ok=True)
                try:
                    engine = sa.create_engine(self._url, pool_pre_ping=self._path is None)
                except ModuleNotFoundError as error:
                    raise RunsUnavailable(
                        f"Recorded runs at {self.name} need the package {error.name}: "
                        "pip install 'functionscope[postgres]'."
                    ) from error
                if self._url.get_backend_name() == "sqlite":
                    sa.event.listen(engine, "connect", _set_wal)
                try:
                    upgrade(engine)
                except BaseException:
                    engine.dispose()
                    raise
                self._made = engine
            return self._made

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        """A transaction.

        Errors of the store become RunsUnavailable; a key that exists stays IntegrityError.
        """
        try:
            with self._engine().begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except (SQLAlchemyError, OtherVersion, OSError) as error:
            reason = str(getattr(error, "orig", None) or error)
            remedy = (
                "set FUNCTIONSCOPE_RUNS to a file in a folder that can be written"
                if self._path is not None
                else "see that this database answers, or set FUNCTIONSCOPE_RUNS_URL to another"
            )
            self.failure = f"Recorded runs at {self.name} cannot be used ({reason}): {remedy}."
            raise RunsUnavailable(self.failure) from error
        self.failure = ""


def _set_wal(connection: Any, _: Any) -> None:
    """Readers and a writer at once;
    what was acknowledged survives kill -9, and with FULL also a power cut.
    """
    connection.execute("PRAGMA busy_timeout=5000")
    for attempt in range(RACE_ATTEMPTS):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            break
        # the change needs the file alone, and SQLite does not wait for that
        except sqlite3.OperationalError:
            if attempt == RACE_ATTEMPTS - 1:
                raise
            time.sleep(RACE_SECONDS)
    connection.execute("PRAGMA synchronous=FULL")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _pack(value: Mapping[str, Any]) -> bytes:
    return zlib.compress(
        json.dumps(value, separators=(",", ":"), allow_nan=False).encode("utf-8"), 6
    )


def _unpack(packed: bytes) -> dict[str, Any]:
    unpacked: dict[str, Any] = json.loads(zlib.decompress(packed))
    return unpacked
