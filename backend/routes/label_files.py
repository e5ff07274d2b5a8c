"""Labels as CSV and JSON, and read from them again: a wrong row is named by its line."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from backend.core.runs import LabelRow
from backend.routes.request.problems import Refusal, refuse_field
from backend.schemas.browse.labels import AUTHOR_MOST, LABEL_MOST, NOTE_MOST, Label

MEDIA = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
COLUMNS = ("sae_id", "sae", "feature_index", "label", "note", "author", "date")
NEEDED = ("feature_index", "label")
MOST_ROWS = 10_000
Meant = Callable[[str, str | None, int], str]  # (sae_id, sae, feature_index) -> the SAE's hash


def as_file(labels: Sequence[Label], kind: str) -> bytes:
    rows = [one.model_dump(include=set(COLUMNS)) for one in labels]
    if kind == "json":
        return (json.dumps(rows, ensure_ascii=False, indent=1) + "\n").encode("utf-8")
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8")


def read_file(text: str, kind: str, meant: Meant) -> list[LabelRow]:
    """Every row; a Refusal names the line of the first that is wrong."""
    rows: dict[tuple[str, int], LabelRow] = {}
    for line, given in _json_rows(text) if kind == "json" else _csv_rows(text):
        if len(rows) == MOST_ROWS:
            raise Refusal(413, f"line {line}: this server takes {MOST_ROWS:,} labels at once.")
        row = _row(line, given, meant)
        place = row.sae, row.feature_index
        if place in rows:
            value = row.feature_index
            raise refuse_field(f"line {line}, feature_index", value, "one row for each feature")
        rows[place] = row
    return list(rows.values())


def _csv_rows(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """(line on which the row begins, its columns)."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    begins = 1
    try:
        head = next(reader, [])
        _check_names(1, head)
        begins = reader.line_num + 1
        for cells in reader:
            if cells and len(cells) != len(head):
                raise refuse_field(f"line {begins}", ",".join(cells), f"{len(head)} columns")
            if cells:
                yield begins, {n: one for n, one in zip(head, cells, strict=True) if one != ""}
            begins = reader.line_num + 1
    except csv.Error as error:
        raise Refusal(422, f"line {begins} is no CSV: {error}.") from error


def _json_rows(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """(line on which the row begins, its fields) of a list of objects."""
    decoder, at = json.JSONDecoder(), _after(text, 0)
    if text[at : at + 1] != "[":
        raise Refusal(422, "line 1: the file is no JSON list of labels, which begins with [.")
    at = _after(text, at + 1)
    while text[at : at + 1] != "]":
        line = text.count("\n", 0, at) + 1
        try:
            row, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise Refusal(422, f"line {line} is no JSON: {error}.") from error
        if not isinstance(row, dict):
            raise refuse_field(f"line {line}", row, "an object with feature_index and label")
        _check_names(line, list(row))
        yield line, {name: one for name, one in row.items() if one not in (None, "")}
        at = _after(text, at)
        if text[at : at + 1] == ",":
            at = _after(text, at + 1)
        elif text[at : at + 1] != "]":
            line = text.count("\n", 0, at) + 1
            raise Refusal(422, f"line {line}: a comma or ] must stand after each label.")


def _after(text: str, at: int) -> int:
    """The first place from `at` on that is no white space."""
    found = re.compile(r"\s*").match(text, at)
    return found.end() if found else at


def _check_names(line: int, names: Sequence[str]) -> None:
    for name in names:
        if name not in COLUMNS or names.count(name) > 1:
            raise refuse_field(f"line {line}, column", name, f"{', '.join(COLUMNS)}, each once")
    lacking = [name for name in NEEDED if name not in names]
    lacking += [] if "sae" in names or "sae_id" in names else ["sae_id"]
    if lacking:
        raise Refusal(422, f"line {line}: {' and '.join(lacking)} must stand there.")


def _row(line: int, given: Mapping[str, Any], meant: Meant) -> LabelRow:
    def text(name: str, most: int, *, line_breaks: bool = False) -> str:
        value = given.get(name, "")
        good = isinstance(value, str) and len(value) <= most
        if not good or not (line_breaks or value.isprintable()):
            allowed = f"at most {most} characters" + ("" if line_breaks else " in one line")
            raise refuse_field(f"line {line}, {name}", value, allowed)
        return str(value)

    index = str(given.get("feature_index", ""))
    if not re.fullmatch(r"[0-9]{1,9}", index):
        raise refuse_field(f"line {line}, feature_index", index, "a whole number from 0 on")
    label = text("label", LABEL_MOST).strip()
    if not label:
        raise refuse_field(f"line {line}, label", label, "some words in one line")
    sae, sae_id = text("sae", 16), text("sae_id", 200)
    if sae and not re.fullmatch(r"[0-9a-f]{16}", sae):
        raise refuse_field(f"line {line}, sae", sae, "16 hex digits, as an export has them")
    note, author = text("note", NOTE_MOST, line_breaks=True), text("author", AUTHOR_MOST)
    try:
        identity = meant(sae_id, sae or None, int(index))
    except Refusal as refusal:
        raise Refusal(422, f"line {line}: {refusal.detail}") from refusal
    date = _date(line, text("date", 40))
    return LabelRow(identity, int(index), sae_id or identity, label, note, author, date)


def _date(line: int, value: str) -> str:
    """As it stands there, in UTC; now where nothing does."""
    try:
        when = datetime.fromisoformat(value) if value else datetime.now(UTC)
    except ValueError as error:
        raise refuse_field(f"line {line}, date", value, "ISO 8601, or nothing") from error
    when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return when.astimezone(UTC).isoformat(timespec="seconds")
