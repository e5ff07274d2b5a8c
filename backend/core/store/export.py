"""Tables of a build as CSV or Parquet files, for the API and the command line,
written piece by piece.
"""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from backend.core.store.base import SaeRow
from backend.core.store.coverage_columns import CoverageRow
from backend.core.store.features import FeatureRow
from backend.core.store.store import Store, StoreInvalid
from backend.core.store.tokens import TokenRow

FORMATS = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
ROWS_A_PIECE = 20_000  # objects with lists: 50 MB
CHUNKS_A_PIECE = 32  # of edges: some 260,000, 10 MB as columns
EDGE_COLUMNS = {
    "token_id": pa.int64(),
    "feature_index": pa.int64(),
    "n_firings": pa.int64(),
    "act_mean": pa.float64(),
    "act_max": pa.float64(),
}


class TooManyRows(Exception):
    """The table is longer than was allowed; the message has both numbers and the remedy."""


@dataclass(frozen=True)
class Export:
    """A table of a build that can be written; `pieces` reads it, in parts that fit into memory."""

    n_rows: int
    schema: pa.Schema
    pieces: Callable[[], Iterator[pa.Table]]


def export_of(
    store: Store,
    name: str,
    sae_id: str | None,
    max_rows: int | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Export:
    """A named table: tokens; coverage, features or edges of one SAE. `settings`: theta, min_count,
    denominator and order of the coverage, which no other table has.

    ValueError for an unknown table, SAE or setting; TooManyRows beyond `max_rows`. Nothing of it
    is read yet.
    """
    settings = settings or {}
    makers: dict[str, Callable[[], Export]] = {
        "tokens": lambda: _tokens(store),
        "coverage": lambda: _coverage(store, _required(store, sae_id), settings),
        "features": lambda: _features(store, _required(store, sae_id)),
        "edges": lambda: _edges(store, _required(store, sae_id)),
    }
    if name not in makers:
        raise ValueError(f"table is {name!r}; allowed: {', '.join(makers)}")
    if name == "tokens" and sae_id is not None:
        raise ValueError(f"sae_id is {sae_id!r}; the table tokens takes none")
    for setting, value in settings.items() if name != "coverage" else ():
        raise ValueError(f"{setting} is {value!r}; the table {name} takes none, coverage does")
    made = makers[name]()
    if max_rows is not None and made.n_rows > max_rows:
        of_sae = f" --sae-id {shlex.quote(sae_id)}" if sae_id is not None else ""
        command = (
            f"functionscope export {name} {name}.parquet --build "
            f"{shlex.quote(store.path.name)}{of_sae}"
        )
        raise TooManyRows(
            f"The table has {made.n_rows} rows, this server sends {max_rows}: run `{command}` "
            "where the build is."
        )
    return made


def chunks(export: Export, form: str) -> Iterator[bytes]:
    """The whole file as "csv" (lists as JSON) or "parquet", piece by piece;
    ValueError for another form.
    """
    if form not in FORMATS:
        raise ValueError(f"format is {form!r}; allowed: {', '.join(FORMATS)}")
    sink = _Drain()
    flat = form == "csv"
    with (
        pyarrow.csv.CSVWriter(sink, _flat_schema(export.schema))
        if flat
        else pyarrow.parquet.ParquetWriter(sink, export.schema, compression="zstd") as writer
    ):
        for piece in export.pieces():
            writer.write_table(_flat(piece) if flat else piece)
            yield sink.drained()
    yield sink.drained()


def write_file(store: Store, name: str, sae_id: str | None, out: Path) -> int:
    """Write a table to `out`, whose ending says how; returns the number of rows.

    All of it, or nothing.
    """
    form = out.suffix.removeprefix(".")
    if form not in FORMATS:
        raise ValueError(f"{out} must end in .csv or .parquet")
    export = export_of(store, name, sae_id)
    part = out.with_name(out.name + ".part")
    try:
        with part.open("wb") as file:
            for chunk in chunks(export, form):
                file.write(chunk)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return export.n_rows


class _Drain(io.RawIOBase):
    """Holds what is written until it is taken, and counts on:
    a Parquet file knows places in itself.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        self._written += len(data)
        return len(data)

    def tell(self) -> int:
        return self._written

    def drained(self) -> bytes:
        """What was written since the last call."""
        taken, self._held = bytes(self._held), bytearray()
        return taken


def _required(store: Store, sae_id: str | None) -> SaeRow:
    known = {row.sae_id: row for row in store.saes()}
    if sae_id is None:
        raise ValueError(f"sae_id is missing: this table is of one SAE, one of {sorted(known)}")
    if sae_id not in known:
        raise ValueError(f"sae_id {sae_id!r} is not in this build: use one of {sorted(known)}")
    return known[sae_id]


def _tokens(store: Store) -> Export:
    schema = _schema(TokenRow)

    def page(limit: int, offset: int) -> Sequence[Any]:
        return store.tokens(limit=limit, offset=offset)[0]

    return Export(store.tokens(limit=1)[1], schema, lambda: _tables(_pages(store, page), schema))


def _features(store: Store, sae: SaeRow) -> Export:
    schema = _schema(FeatureRow)

    def page(limit: int, offset: int) -> Sequence[Any]:
        return store.search_features(sae.sae_id, limit=limit, offset=offset)[0]

    return Export(sae.n_active, schema, lambda: _tables(_pages(store, page), schema))


def _coverage(store: Store, sae: SaeRow, settings: Mapping[str, Any]) -> Export:
    schema, rows = _schema(CoverageRow), store.coverage(sae.sae_id, **settings).rows
    parts = [rows[at : at + ROWS_A_PIECE] for at in range(0, len(rows), ROWS_A_PIECE)]
    return Export(len(rows), schema, lambda: _tables(parts, schema))


def _edges(store: Store, sae: SaeRow) -> Export:
    schema = pa.schema(list(EDGE_COLUMNS.items()))

    def pieces() -> Iterator[pa.Table]:
        for edges in store.edge_pieces(sae.sae_id, CHUNKS_A_PIECE):
            yield pa.table({name: getattr(edges, name) for name in EDGE_COLUMNS}, schema=schema)

    return Export(sae.n_edges, schema, pieces)


def _pages(store: Store, page: Callable[[int, int], Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """Page after page; StoreInvalid when the build is replaced between two,
    which would mix them.
    """
    of, offset = store.provenance(), 0
    while rows := page(ROWS_A_PIECE, offset):
        if store.provenance() is not of:
            raise StoreInvalid(f"{store.path} was replaced while it was read: ask again")
        yield rows
        offset += len(rows)


def _tables(pages: Iterable[Sequence[Any]], schema: pa.Schema) -> Iterator[pa.Table]:
    for rows in pages:
        yield pa.Table.from_pylist([asdict(row) for row in rows], schema=schema)


def _schema(row: type) -> pa.Schema:
    """Columns of a row type.

    Not read off the rows: a piece in which all values are missing has no type.
    """
    plain = {
        int: pa.int64(),
        float: pa.float64(),
        str: pa.string(),
        list[int]: pa.list_(pa.int64()),
    }
    fields = []
    for name, hint in get_type_hints(row).items():
        kinds = (
            [one for one in get_args(hint) if one is not type(None)]
            if isinstance(hint, UnionType)
            else [hint]
        )
        fields.append((name, plain[kinds[0]]))
    return pa.schema(fields)


def _flat_schema(schema: pa.Schema) -> pa.Schema:
    return pa.schema(
        [(one.name, pa.string() if pa.types.is_list(one.type) else one.type) for one in schema]
    )


def _flat(table: pa.Table) -> pa.Table:
    """Lists as JSON text, since CSV has none."""
    for place, field in enumerate(table.schema):
        if pa.types.is_list(field.type):
            texts = [json.dumps(value) for value in table.column(place).to_pylist()]
            table = table.set_column(place, field.name, pa.array(texts, pa.string()))
    return table
