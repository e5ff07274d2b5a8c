"""Tables of recorded runs and of labels, their version, and how an older store becomes this one.

Dialect-neutral: SQLite by default, PostgreSQL by URL. A migration only adds; runs are never
rewritten.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import sqlalchemy as sa

ID_LENGTH = 20  # hex digits: 80 bits
VERSION = 3
RACE_ATTEMPTS, RACE_SECONDS = 60, 0.05  # several processes may find the same old store

METADATA = sa.MetaData()
RUN = sa.Table(
    "run",
    METADATA,
    sa.Column("run_id", sa.String(ID_LENGTH), primary_key=True),
    sa.Column(
        "kind", sa.String, nullable=False, comment="inspect, steer, reactivation_set or steer_set"
    ),
    sa.Column(
        "request", sa.LargeBinary, nullable=False, comment="zlib-compressed JSON, as the next two"
    ),
    sa.Column("result", sa.LargeBinary, nullable=False),
    sa.Column("provenance", sa.LargeBinary, nullable=False),
    sa.Column("title", sa.String, comment="may be given once, later than the rest"),
    sa.Column("note", sa.String, comment="likewise"),
    sa.Column("recorded_at", sa.String, nullable=False, comment="UTC, ISO 8601"),
    sa.Column(
        "delete_hash",
        sa.String(64),
        comment="SHA-256 of the delete token; null: made before version 2",
    ),
)
BUILD = sa.Table(
    "build",
    METADATA,
    sa.Column(
        "identity",
        sa.String(16),
        primary_key=True,
        comment="of a build that this server has served",
    ),
    sa.Column("provenance", sa.LargeBinary, nullable=False, comment="zlib-compressed JSON"),
    sa.Column("first_served_at", sa.String, nullable=False, comment="UTC, ISO 8601"),
)
LABEL = sa.Table(
    "label",
    METADATA,
    sa.Column(
        "sae",
        sa.String(16),
        primary_key=True,
        comment="hash of the SAE's weights: another build with the same SAE finds its labels",
    ),
    sa.Column("feature_index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sae_id", sa.String, nullable=False, comment="what the SAE was called here then"),
    sa.Column("label", sa.String, nullable=False, comment="a few words, in one line"),
    sa.Column("note", sa.String, nullable=False, comment="empty: none"),
    sa.Column("author", sa.String, nullable=False, comment="as given; empty: nobody"),
    sa.Column("written_at", sa.String, nullable=False, comment="UTC, ISO 8601; the last change"),
    sa.Column("delete_hash", sa.String(64), nullable=False, comment="SHA-256, as of a run"),
)
STORE = sa.Table(
    "store",
    METADATA,
    sa.Column("key", sa.String(32), primary_key=True),
    sa.Column(
        "value", sa.Integer, nullable=False, comment="schema_version: which version of these tables"
    ),
)


class OtherVersion(Exception):
    """The store was written by a newer program."""


def upgrade(engine: sa.Engine) -> None:
    """Make the tables, or bring an older store to VERSION. Idempotent; several processes may race.

    Raises OtherVersion for a store of a newer program, which is left untouched.
    """
    found = version_of(engine)
    if found == VERSION:
        return
    if found > VERSION:
        raise OtherVersion(
            f"its schema version is {found}, this program knows {VERSION}: start the newer program"
        )
    for attempt in range(RACE_ATTEMPTS):
        try:
            _migrate(engine, version_of(engine))
            return
        except sa.exc.DBAPIError:
            if version_of(engine) == VERSION:  # another process was first
                return
            if attempt == RACE_ATTEMPTS - 1:
                raise
            time.sleep(RACE_SECONDS)  # it may be half-way: what it has done is not done again


def _migrate(engine: sa.Engine, found: int) -> None:
    with engine.begin() as connection:
        for step in range(found, VERSION):
            MIGRATIONS[step](connection)
        connection.execute(sa.delete(STORE).where(STORE.c.key == "schema_version"))
        connection.execute(sa.insert(STORE).values(key="schema_version", value=VERSION))


def version_of(engine: sa.Engine) -> int:
    """0: no tables. 1: the first form, which had no table of versions. Else as stated."""
    inspected = sa.inspect(engine)
    first = 1 if inspected.has_table("run") else 0
    if not inspected.has_table("store"):
        return first
    with engine.connect() as connection:
        stated = connection.execute(sa.select(STORE.c.value).where(STORE.c.key == "schema_version"))
        return int(stated.scalar_one_or_none() or first)


def _make_first(connection: sa.Connection) -> None:
    """Version 1 had one table; it is made without what version 2 adds."""
    first = sa.MetaData()
    columns = [
        sa.Column(c.name, c.type, primary_key=c.primary_key, nullable=c.nullable)
        for c in RUN.columns
    ]
    sa.Table("run", first, *(column for column in columns if column.name != "delete_hash")).create(
        connection, checkfirst=True
    )


def _add_delete_and_builds(connection: sa.Connection) -> None:
    """SQLite commits each of these by itself,
    so a step that was done before a crash is not done again.
    """
    if "delete_hash" not in {
        column["name"] for column in sa.inspect(connection).get_columns("run")
    }:
        connection.execute(sa.text("ALTER TABLE run ADD COLUMN delete_hash VARCHAR(64)"))
    BUILD.create(connection, checkfirst=True)
    STORE.create(connection, checkfirst=True)


def _add_labels(connection: sa.Connection) -> None:
    LABEL.create(connection, checkfirst=True)


MIGRATIONS: tuple[Callable[[sa.Connection], None], ...] = (
    _make_first,
    _add_delete_and_builds,
    _add_labels,
)
