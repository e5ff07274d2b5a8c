"""What others say that an SAE's features mean: explanations that were fetched, one file in its
folder, with where they came from and when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from backend.core.duckdb_memory import in_memory

FILE = "explanations.parquet"
SCHEMA = pa.schema(
    [
        ("feature_index", pa.int32()),
        ("text", pa.string()),
        ("explainer", pa.string()),
        ("method", pa.string()),
    ]
)
LEAST = 3  # letters of a search: fewer are in nearly every text
_SOURCE, _DATE = b"source", b"date"
_UNREADABLE = "{path} cannot be read ({error}): run `functionscope explanations` again."


@dataclass(frozen=True)
class Explanation:
    """One text about one feature. `explainer`, `method`: the model that wrote it, and from what
    ("" = not said); `source`: the address or file it was read from; `date`: when, YYYY-MM-DD.
    """

    text: str
    explainer: str
    method: str
    source: str
    date: str


def write_explanations(
    path: Path, rows: Sequence[dict[str, Any]], *, source: str, date: str
) -> None:
    """Rows with the columns of SCHEMA, ordered by feature, so that one is found without reading
    all.
    """
    table = pa.Table.from_pylist(list(rows), SCHEMA).sort_by("feature_index")
    said = {_SOURCE: source.encode(), _DATE: date.encode()}
    pq.write_table(table.replace_schema_metadata(said), path, row_group_size=8192)


def explanations_of(folder: Path, feature_index: int) -> list[Explanation]:
    """Of one feature; none without the file. ValueError when it cannot be read."""
    path = folder / FILE
    if not path.is_file():
        return []
    try:
        said = pq.read_schema(path).metadata or {}
        asked = "SELECT text, explainer, method FROM read_parquet(?) WHERE feature_index = ?"
        with in_memory() as connection:
            rows = connection.execute(asked, [str(path), feature_index]).fetchall()
        source, date = said[_SOURCE].decode(), said[_DATE].decode()
    except Exception as error:  # whatever pyarrow and DuckDB raise of a file that is not one
        raise ValueError(_UNREADABLE.format(path=path, error=error)) from error
    return [Explanation(text, explainer, method, source, date) for text, explainer, method in rows]


def explained_as(folder: Path, q: str) -> list[int]:
    """Features of which an explanation holds `q`, case ignored, ascending; none for less than LEAST
    letters.
    """
    path = folder / FILE
    if len(q.strip()) < LEAST or not path.is_file():
        return []
    asked = (
        "SELECT DISTINCT feature_index FROM read_parquet(?) "
        "WHERE contains(lower(text), lower(?)) ORDER BY 1"
    )
    try:
        with in_memory() as connection:
            rows = connection.execute(asked, [str(path), q.strip()]).fetchall()
    except Exception as error:
        raise ValueError(_UNREADABLE.format(path=path, error=error)) from error
    return [row[0] for row in rows]
