"""Runs added to a file of other runs:
the same file as if all had been published together, or a refusal.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest

from backend.core.companions.consolidation.store import ConsolidationStore
from precompute.consolidation.loss import make_losses
from precompute.consolidation.onto import OF_RUNS, SHARED
from precompute.consolidation.publish import publish
from precompute.job import BadInput
from tests.consolidation_case import Case, make_case, make_work, publish_case


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return make_case(tmp_path_factory.mktemp("case"))


@pytest.fixture(scope="module")
def works(case: Case, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """WORK of both runs, and of each alone."""
    folder = tmp_path_factory.mktemp("works")
    make_work(case, folder / "both")
    first, second = sorted((folder / "both" / "runs").iterdir())
    for name, other in (("first", second), ("second", first)):
        shutil.copytree(folder / "both", folder / name)
        shutil.rmtree(folder / name / "runs" / other.name)
    return {name: folder / name for name in ("both", "first", "second")}


def rows(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    store = ConsolidationStore(path)
    tables = (*SHARED, *OF_RUNS, "run", "token")
    return {name: sorted(store.query(f"SELECT * FROM {name}"), key=repr) for name in tables}


def test_two_files_in_turn_are_one_file_of_both(
    case: Case, works: dict[str, Path], tmp_path: Path
) -> None:
    both = publish_case(case, works["both"], tmp_path / "both.duckdb")
    first = publish_case(case, works["first"], tmp_path / "first.duckdb")
    made = tmp_path / "made.duckdb"
    publish(works["second"], case.tokenizer, case.rows, made, first)
    assert rows(made) == rows(both)
    stated, wanted = (ConsolidationStore(path).provenance() for path in (made, both))
    assert {k: stated[k] for k in stated if k != "created_at"} == {
        k: wanted[k] for k in wanted if k != "created_at"
    }


def test_a_run_of_the_same_name_is_replaced_whole(
    case: Case, works: dict[str, Path], tmp_path: Path
) -> None:
    both = publish_case(case, works["both"], tmp_path / "both.duckdb")
    shorter = tmp_path / "shorter"
    shutil.copytree(works["second"], shorter)
    next((shorter / "runs").glob("*/loss/step_*20.npz")).unlink()
    publish(shorter, case.tokenizer, case.rows, both, both)
    steps = ConsolidationStore(both).query(
        "SELECT run, step FROM loss WHERE run IS NOT NULL ORDER BY ALL"
    )
    assert steps == [(0, 0), (0, 5), (0, 20), (1, 0), (1, 5)]


def test_another_text_is_refused_and_the_file_stays(
    case: Case, works: dict[str, Path], tmp_path: Path
) -> None:
    first = publish_case(case, works["first"], tmp_path / "first.duckdb")
    before = first.read_bytes()
    other = tmp_path / "other"
    text = case.text(other, n_tokens=3000)
    make_losses(
        case.series(seed=1),
        text,
        other,
        batch_rows=4,
        dtype="float32",
        products="float32",
        device="cpu",
    )
    with pytest.raises(BadInput, match="was made with another held-out text"):
        publish(other, case.tokenizer, case.rows, first, first)
    assert first.read_bytes() == before
