"""A companion of an older version is read as one that lacks what came later, and nothing else."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from backend.core.companions.experiments import store as experiments
from backend.core.companions.experiments.store import ExperimentsStore
from backend.core.companions.file import Companion, write_companion
from backend.core.companions.statistics import store as statistics
from backend.core.companions.statistics.rows import ExcessRow
from backend.core.companions.statistics.store import StatisticsStore

LAB = Path("precompute/lab/lab.statistics.duckdb")
GEMMA = Path("precompute/gemma/gemma.statistics.duckdb")


class Points(Companion):
    version = 3
    older = (1, 2)
    since = {"point.y": 3, "line": 2}
    remedy = "make it again"


def points(path: Path, version: int) -> Points:
    schema = "CREATE TABLE point (x INTEGER, y INTEGER); CREATE TABLE line (x INTEGER)"
    if version < 3:
        schema = schema.replace(", y INTEGER", "")
    values = {"x": [1], "y": [2]} if version == 3 else {"x": [1]}
    write_companion(path, schema, version, {"point": pa.table(values)}, {"build": None})
    return Points(path)


@pytest.mark.parametrize(
    ("version", "has", "row"),
    [
        (
            1,
            {"point": True, "point.x": True, "point.y": False, "line": False, "line.x": False},
            None,
        ),
        (2, {"point": True, "point.x": True, "point.y": False, "line": True, "line.x": True}, None),
        (3, {"point": True, "point.x": True, "point.y": True, "line": True, "line.x": True}, 2),
    ],
)
def test_a_file_has_what_its_version_brought(
    tmp_path: Path, version: int, has: dict[str, bool], row: int | None
) -> None:
    store = points(tmp_path / "a.duckdb", version)
    assert {name: store.has(name) for name in has} == has
    assert store.query(f"SELECT {store.selected('point', ['x', 'y'])} FROM point") == [(1, row)]


@dataclass(frozen=True)
class Wider(ExcessRow):
    later: float | None


def raised(monkeypatch: pytest.MonkeyPatch, kind: type[Companion], **since: int) -> None:
    """The store at a later version that brought these names, `__` for the dot."""
    known = {name.replace("__", "."): version for name, version in since.items()}
    monkeypatch.setattr(kind, "since", {**kind.since, **known})
    monkeypatch.setattr(kind, "older", (*kind.older, kind.version))
    monkeypatch.setattr(kind, "version", kind.version + 1)


def test_the_rates_of_a_shipped_file_stay_at_a_later_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sae_id = "layer_15"
    before = StatisticsStore(GEMMA)
    rates = before.rates()
    contrasts, ranks = before.rate_contrasts(sae_id), before.rate_ranks(sae_id, rates[0])
    assert rates
    assert contrasts
    assert ranks
    raised(monkeypatch, StatisticsStore, excess__later=3, another=3)
    after = StatisticsStore(GEMMA)
    assert after.rates() == rates
    assert after.rate_contrasts(sae_id) == contrasts
    assert after.rate_ranks(sae_id, rates[0]) == ranks


def test_a_file_from_before_the_rates_has_none(tmp_path: Path) -> None:
    write_companion(tmp_path / "a.duckdb", "CREATE TABLE chao1 (n INTEGER)", 1, {}, {"build": None})
    older = StatisticsStore(tmp_path / "a.duckdb")
    found = (older.rates(), older.rate_contrasts("layer_3"), older.rate_ranks("layer_3", 0.5))
    assert found == ([], [], [])


def test_a_column_that_came_later_is_none_in_a_shipped_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = StatisticsStore(LAB).excess("layer_3", 3)
    raised(monkeypatch, StatisticsStore, excess__later=3)
    monkeypatch.setattr(statistics, "ExcessRow", Wider)
    assert StatisticsStore(LAB).excess("layer_3", 3) == [
        Wider(**vars(row), later=None) for row in known
    ]


@dataclass(frozen=True)
class Later(experiments.Estimate):
    later: float | None


def test_an_experiment_of_an_older_file_is_read_and_written_anew_with_the_column_empty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = LAB.with_name("lab.experiments.duckdb")
    name = ExperimentsStore(path).names()[0]
    known = ExperimentsStore(path).estimates(name)
    raised(monkeypatch, ExperimentsStore, estimate__later=ExperimentsStore.version + 1)
    monkeypatch.setattr(experiments, "Estimate", Later)
    store = ExperimentsStore(path)
    assert store.estimates(name) == [Later(**vars(row), later=None) for row in known]
    assert all(row["later"] is None for row in store.rows("estimate"))
