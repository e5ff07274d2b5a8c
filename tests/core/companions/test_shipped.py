"""What a companion's schema says is in the files that are shipped: a column that came later is not,
and would be looked for in them.
"""

from pathlib import Path

import duckdb
import pytest

from backend.core.companions.consolidation.store import ConsolidationStore
from backend.core.companions.experiments.store import ExperimentsStore
from backend.core.companions.features.store import FeatureDetailStore
from backend.core.companions.statistics.store import StatisticsStore

HERE = Path("precompute")
KINDS = {
    "statistics": StatisticsStore,
    "features": FeatureDetailStore,
    "experiments": ExperimentsStore,
    "consolidation": ConsolidationStore,
}
FILES = [
    (kind, path)
    for kind in KINDS
    for path in sorted(HERE.glob(f"*/*.{kind}.duckdb"))
    if path.parent.name in ("lab", "gemma")
]


def columns(connection: duckdb.DuckDBPyConnection, database: str) -> set[tuple[str, str]]:
    found = connection.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = $1", [database]
    )
    return {(table, column) for table, column in found.fetchall()}


def test_there_are_shipped_files() -> None:
    assert {kind for kind, _ in FILES} == set(KINDS)


@pytest.mark.parametrize(("kind", "path"), FILES, ids=[path.name for _, path in FILES])
def test_a_shipped_file_has_every_column_of_its_schema(kind: str, path: Path) -> None:
    store = KINDS[kind](path)
    schema = Path(f"backend/core/companions/{kind}/schema.sql").read_text()
    with duckdb.connect() as connection:
        connection.execute(schema)
        connection.execute(f"ATTACH '{path}' AS shipped (READ_ONLY)")
        lacking = columns(connection, "memory") - columns(connection, "shipped")
    expected = {name for name in map(".".join, lacking) if store.has(name)}
    assert not expected, (
        f"{path} lacks {sorted(expected)}: raise the store's `version`, and {store.remedy} or put "
        "the old version into `older` and name each, or its whole table, in `SINCE`"
    )
