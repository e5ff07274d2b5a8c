"""Prompts out of what somebody brings: lines of text, JSON Lines, CSV or a Parquet file.

A row that holds no prompt is named with what is wrong with it and the others are read; what cannot
be read at all is a NotPrompts. Rows count from 1: a line of the text, or a row of a Parquet file.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Format = Literal["lines", "jsonl", "csv", "parquet"]
ENDINGS: dict[str, Format] = {
    "txt": "lines",
    "md": "lines",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "csv": "csv",
    "tsv": "csv",
    "parquet": "parquet",
}
USUAL = ("prompt", "prompts", "text", "question", "input", "instruction", "sentence")
DELIMITERS = ",;\t"
MOST_ROWS = 100_000  # looked at for prompts
MOST_WRONG = 50  # rows that are named


class NotPrompts(ValueError):
    """Nothing of it can be read; the message says what came and what is allowed."""


class NoColumn(ValueError):
    """There is no such column; the message names those that there are."""


@dataclass(frozen=True)
class Wrong:
    """`row`: from 1; `what`: the sentence that says what came and what is allowed."""

    row: int
    what: str


@dataclass(frozen=True)
class PromptTable:
    """`columns`: those that may hold prompts, none for plain lines; `prompts`: at most as many as
    were asked for, of `n_prompts` good ones; `wrong`: the first of `n_wrong`; `n_blank`: empty
    lines, which are no prompts and nothing wrong.
    """

    format: Format
    columns: list[str]
    column: str | None
    prompts: list[str]
    n_prompts: int
    wrong: list[Wrong]
    n_wrong: int
    n_blank: int


Row = tuple[int, object]  # its number, and a text or a Wrong


def read(
    data: bytes,
    *,
    format: Format,
    column: str | None = None,
    most: int,
    most_chars: int,
    delimiter: str | None = None,
) -> PromptTable:
    """At most `most` prompts of at most `most_chars` characters each.

    `column`: null = the usual name for one, else the first. NotPrompts, NoColumn.
    """
    if format == "parquet":
        columns, rows = _parquet(data, column)
    else:
        text = _decoded(data)
        reading = {"lines": _lines, "jsonl": _jsonl, "csv": _csv}[format]
        columns, rows = reading(text, column, delimiter)
    chosen = column if column is not None else _usual(columns)
    return _kept(format, columns, chosen, rows(chosen), most, most_chars)


def guessed(data: bytes, name: str) -> tuple[Format, str | None]:
    """(format, delimiter) by the name's ending, or by how a text that was pasted begins."""
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if ending in ENDINGS:
        return ENDINGS[ending], "\t" if ending == "tsv" else None
    if data.startswith(b"PAR1"):
        return "parquet", None
    first = next((line for line in data.split(b"\n", 50) if line.strip()), b"").strip()
    if first[:1] == b"{" and first[-1:] == b"}":
        return "jsonl", None
    head = first.decode("utf-8", "replace").lower()
    for delimiter in DELIMITERS:
        cells = [cell.strip().strip('"') for cell in head.split(delimiter)]
        if len(cells) > 1 and any(cell in USUAL for cell in cells):
            return "csv", delimiter
    return "lines", None


Reading = tuple[list[str], Callable[[str | None], Iterable[Row]]]


def _lines(text: str, column: str | None, _: str | None) -> Reading:
    if column is not None:
        raise NoColumn("lines of text have no columns: leave column out")
    return [], lambda _: ((n, line.rstrip("\r")) for n, line in enumerate(text.split("\n"), 1))


def _jsonl(text: str, column: str | None, _: str | None) -> Reading:
    """Each line an object with a text in it, or a text."""
    found: list[Row] = []
    columns: dict[str, None] = {}
    for n, line in enumerate(text.split("\n"), 1):
        value: object = "" if not line.strip() else _parsed(n, line)
        if isinstance(value, dict):
            columns |= dict.fromkeys(name for name, one in value.items() if isinstance(one, str))
        found.append((n, value))
    if column is not None and column not in columns:
        raise NoColumn(_no_column(column, columns))
    return list(columns), lambda chosen: ((n, _of_line(n, one, chosen)) for n, one in found)


def _parsed(n: int, line: str) -> object:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        at = f" at character {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        return Wrong(n, f"is no JSON{at}: {_short(line)}; allowed is an object or a text")
    if not isinstance(value, dict | str):
        return Wrong(n, f"is {_short(line)}; allowed is an object or a text")
    return value


def _of_line(n: int, value: object, column: str | None) -> object:
    if not isinstance(value, dict):
        return value
    if column not in value:
        return Wrong(n, f"has no {column!r}; it has {_listed(value)}")
    one = value[column]
    return one if isinstance(one, str) else _no_text(n, column, one)


def _csv(text: str, column: str | None, delimiter: str | None) -> Reading:
    """The first row names the columns."""
    head = text.lstrip("\n").split("\n", 1)[0]
    between = delimiter or max(DELIMITERS, key=head.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=True)
    try:
        columns = next((row for row in lines if row), [])
    except csv.Error as error:
        raise NotPrompts(f"the first row is no CSV: {error}") from error
    if not columns or len(set(columns)) < len(columns):
        raise NotPrompts(
            f"the first row is {_short(head)}; allowed is one that names every column, each once"
        )
    if column is not None and column not in columns:
        raise NoColumn(_no_column(column, columns))
    return columns, lambda chosen: _cells(lines, columns, columns.index(str(chosen)))


def _cells(lines: Any, columns: Sequence[str], place: int) -> Iterator[Row]:
    at = lines.line_num + 1
    while True:
        try:
            row = next(lines, None)
        except csv.Error as error:
            yield at, Wrong(at, f"is no CSV ({error}); what follows it was not read")
            return
        if row is None:
            return
        if len(row) not in (0, len(columns)):
            yield at, Wrong(at, f"has {len(row)} of the first row's {len(columns)} cells")
        else:
            yield at, row[place] if row else ""
        at = lines.line_num + 1


def _parquet(data: bytes, column: str | None) -> Reading:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(pa.BufferReader(data))
    except (pa.ArrowException, OSError) as error:
        raise NotPrompts(f"the file is no Parquet that can be read: {error}") from error
    columns = [one.name for one in schema if _is_text(one.type)]
    if column is not None and column not in columns:
        raise NoColumn(_no_column(column, columns))
    if not columns:
        held = ", ".join(f"{one.name} ({one.type})" for one in schema) or "none"
        raise NotPrompts(f"the file has no column of text; its columns are {held}")
    return columns, lambda chosen: _of_parquet(data, str(chosen))


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    of = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(of) or pa.types.is_large_string(of))


def _of_parquet(data: bytes, column: str) -> Iterator[Row]:
    """Its texts stay in their dictionary: a small file may hold a long text very often."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    n = 0
    try:
        file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=[column])
        for batch in file.iter_batches(batch_size=8192, columns=[column], use_threads=False):
            cells = batch.column(0)
            texts = cells.dictionary.to_pylist()
            for place in cells.indices.to_pylist():
                n += 1
                yield n, (None if place is None else texts[place]) or ""
    except (pa.ArrowException, OSError) as error:
        yield n + 1, Wrong(n + 1, f"cannot be read ({error}); neither can what follows it")


def _kept(
    format: Format,
    columns: list[str],
    column: str | None,
    rows: Iterable[Row],
    most: int,
    most_chars: int,
) -> PromptTable:
    prompts: list[str] = []
    wrong: list[Wrong] = []
    n_prompts = n_wrong = n_blank = 0
    for n, value in rows:
        if n > MOST_ROWS:
            raise NotPrompts(f"there are more than {MOST_ROWS:,} rows: send fewer")
        found = value if isinstance(value, Wrong) else _unfit(n, str(value), most_chars)
        if found is not None:
            n_wrong += 1
            wrong += [found] if n_wrong <= MOST_WRONG else []
        elif not str(value).strip():
            n_blank += 1
        else:
            n_prompts += 1
            prompts += [str(value)] if n_prompts <= most else []
    return PromptTable(format, columns, column, prompts, n_prompts, wrong, n_wrong, n_blank)


def _unfit(n: int, text: str, most_chars: int) -> Wrong | None:
    if len(text) > most_chars:
        return Wrong(n, f"has {len(text):,} characters; at most {most_chars:,} are allowed")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return Wrong(n, f"has half a character (a lone surrogate) at character {error.start}")
    return None


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotPrompts(
            f"byte {error.start} is no UTF-8; allowed is a text in UTF-8, or a Parquet file"
        ) from error


def _usual(columns: Sequence[str]) -> str | None:
    """The column that is meant where none is named."""
    by_name = {name.lower(): name for name in reversed(columns)}
    found = next((by_name[name] for name in USUAL if name in by_name), None)
    return found or next(iter(columns), None)


def _no_column(column: str, columns: Iterable[str]) -> str:
    return f"one of {_listed(columns)}; there is no {column!r}"


def _no_text(n: int, column: str | None, value: object) -> Wrong:
    return Wrong(n, f"has {_short(json.dumps(value))} as {column!r}; allowed is a text")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names) or "no column of text"


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")
