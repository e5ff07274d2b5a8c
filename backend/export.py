"""Tables of a build as CSV or Parquet files, for the API and the command line."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from backend.core.store import Store

ALL = 2**31 - 1  # a limit that no table reaches
FORMATS = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
PER_SAE = ("coverage", "features", "edges")


class TooManyRows(Exception):
    """The table is longer than was allowed; the message has both numbers."""


def table_of(store: Store, name: str, sae_id: str | None, max_rows: int | None = None) -> pa.Table:
    """A named table: tokens; coverage (order frequency, theta 0, min_count 1), features or edges of one SAE.

    ValueError for an unknown table or SAE; TooManyRows beyond `max_rows`.
    """
    tables: dict[str, Callable[[], pa.Table]] = {
        "tokens": lambda: _rows(store.tokens(limit=ALL)[0]),
        "coverage": lambda: _rows(store.coverage(_required(sae_id)).rows),
        "features": lambda: _rows(store.search_features(_required(sae_id), limit=ALL)[0]),
        "edges": lambda: _edges(store, _required(sae_id)),
    }
    if name not in tables:
        raise ValueError(f"table is {name!r}; allowed: {', '.join(tables)}")
    if name == "tokens" and sae_id is not None:
        raise ValueError(f"sae_id is {sae_id!r}; the table tokens takes none")
    if name == "edges" and max_rows is not None:
        _check_length(next((s.n_edges for s in store.saes() if s.sae_id == sae_id), 0), max_rows)
    table = tables[name]()
    if max_rows is not None:
        _check_length(table.num_rows, max_rows)
    return table


def write(table: pa.Table, form: str, to: IO[bytes]) -> None:
    """`table` as "csv" (lists as JSON) or "parquet"; ValueError for another form."""
    if form == "parquet":
        pyarrow.parquet.write_table(table, to, compression="zstd")
    elif form == "csv":
        pyarrow.csv.write_csv(_flat(table), to)
    else:
        raise ValueError(f"format is {form!r}; allowed: {', '.join(FORMATS)}")


def as_bytes(table: pa.Table, form: str) -> bytes:
    """The whole file in memory."""
    buffer = io.BytesIO()
    write(table, form, buffer)
    return buffer.getvalue()


def write_file(store: Store, name: str, sae_id: str | None, out: Path) -> int:
    """Write a table to `out`, whose ending says how; returns the number of rows."""
    form = out.suffix.removeprefix(".")
    if form not in FORMATS:
        raise ValueError(f"{out} must end in .csv or .parquet")
    table = table_of(store, name, sae_id)
    with out.open("wb") as file:
        write(table, form, file)
    rows: int = table.num_rows
    return rows


def _required(sae_id: str | None) -> str:
    if sae_id is None:
        raise ValueError("sae_id is missing: this table is of one SAE")
    return sae_id


def _check_length(n_rows: int, max_rows: int) -> None:
    if n_rows > max_rows:
        raise TooManyRows(f"The table has {n_rows} rows, this server sends {max_rows}: use `functionscope export`.")


def _rows(rows: Iterable[Any]) -> pa.Table:
    return pa.Table.from_pylist([asdict(row) for row in rows])


def _edges(store: Store, sae_id: str) -> pa.Table:
    edges = store.edges(sae_id)
    names = ("token_id", "feature_index", "n_firings", "act_mean", "act_max")
    return pa.table({name: getattr(edges, name) for name in names})


def _flat(table: pa.Table) -> pa.Table:
    """Lists as JSON text, since CSV has none."""
    for place, field in enumerate(table.schema):
        if pa.types.is_list(field.type):
            texts = [json.dumps(value) for value in table.column(place).to_pylist()]
            table = table.set_column(place, field.name, pa.array(texts))
    return table
