"""Experiments of one build in one file: run at different times, each in the place of its older
self.
"""

from pathlib import Path

import pyarrow as pa
import pytest

from backend.core.companions.experiments.store import (
    SCHEMA,
    SCHEMA_VERSION,
    ExperimentsStore,
    Trial,
)
from backend.core.companions.file import write_companion
from precompute.experiments.publish import publish, stated
from precompute.experiments.result import Result

TRIAL = {
    "subject": "Chinese",
    "sae_id": "layer_1",
    "layer": 1,
    "split": "fit",
    "kind": "feature",
    "feature_index": 7,
    "rise": 0.5,
    "promotes": None,
    "strength": 0.25,
    "value": 28.0,
    "n": 12,
    "shown": 9,
    "n_closed": 4,
    "n_right": 3,
    "given_up": False,
    "chosen": True,
}


def result(name: str, value: float) -> Result:
    made = Result(name, 0, arm={"a": "An arm."}, outcome={"loss": ("nats", "the loss")})
    made.exact("a", "loss", value, sae_id="layer_1", layer=1)
    made.finding = [f"{name} gave {value}."]
    made.task = [{"task": "capitals", "title": "Capitals", "noun": "countries", "sha256": "c" * 64}]
    return made


def test_an_experiment_replaces_itself_alone(tmp_path: Path) -> None:
    path = tmp_path / "b.experiments.duckdb"
    publish(
        path,
        [result("carry", 1.0), result("grid", 2.0)],
        "abc",
        stated("carry", "capitals", {"seed": 1}),
    )
    publish(path, [result("answers", 3.0)], "abc", stated("answers", "facts", {"seed": 2}))
    publish(path, [result("carry", 4.0)], "abc", stated("carry", "landmarks", {"seed": 3}))
    store = ExperimentsStore(path)
    assert {name: [row.value for row in store.estimates(name)] for name in store.names()} == {
        "grid": [2.0],
        "answers": [3.0],
        "carry": [4.0],
    }
    assert store.findings("carry") == ["carry gave 4.0."]
    assert store.tasks("carry")[0].sha256 == "c" * 64
    provenance = store.provenance()
    assert provenance["prompt_sets"] == {"carry": "landmarks", "answers": "facts"}
    assert {name: made["seed"] for name, made in provenance["made"].items()} == {
        "carry": 3,
        "answers": 2,
    }


def test_results_of_another_build_are_dropped_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "b.experiments.duckdb"
    publish(path, [result("grid", 1.0)], "older", {})
    publish(path, [result("carry", 2.0)], "newer", {})
    assert ExperimentsStore(path).names() == ["carry"]
    assert "was computed from build older, not newer" in capsys.readouterr().out


def test_a_file_of_version_1_is_read_and_kept(tmp_path: Path) -> None:
    """Version 1 had neither `task` nor `place` nor `trial`."""
    path = tmp_path / "b.experiments.duckdb"
    older = SCHEMA.read_text("utf-8").split("-- The task files")[0]
    row = {
        "experiment": "grid",
        "sae_id": None,
        "layer": None,
        "arm": "none",
        "subject": "place",
        "outcome": "success",
    }
    rows = pa.Table.from_pylist([row | {"value": 0.5, "low": 0.4, "high": 0.6, "n": 48}])
    write_companion(path, older, 1, {"estimate": rows}, {"build": "abc", "questions": "held out"})
    store = ExperimentsStore(path)
    (known,) = store.estimates("grid")
    assert (store.tasks("grid"), store.places("grid"), store.rows("place")) == ([], [], [])
    assert (store.trials("grid"), store.rows("trial")) == ([], [])
    publish(path, [result("carry", 2.0)], "abc", stated("carry", "capitals", {}))
    assert store.names() == ["grid", "carry"]
    assert store.estimates("grid") == [known]
    assert (store.provenance()["questions"], store.provenance()["schema_version"]) == (
        "held out",
        SCHEMA_VERSION,
    )
    with pytest.raises(ValueError, match="table is 'secrets'; allowed: estimate, "):
        store.rows("secrets")


def test_a_file_of_version_2_is_read_and_kept(tmp_path: Path) -> None:
    """Version 2 had no `trial`; it had `task`."""
    path = tmp_path / "b.experiments.duckdb"
    older = SCHEMA.read_text("utf-8").split("\n-- Edits that were tried")[0]
    made = result("carry", 1.0)
    rows = {
        "estimate": pa.Table.from_pylist([{"experiment": "carry"} | made.estimate[0]]),
        "task": pa.Table.from_pylist([{"experiment": "carry"} | made.task[0]]),
    }
    write_companion(path, older, 2, rows, {"build": "abc"})
    store = ExperimentsStore(path)
    assert (store.tasks("carry")[0].task, store.trials("carry")) == ("capitals", [])
    new = result("demonstrations", 2.0)
    new.trial = [TRIAL]
    publish(path, [new], "abc", stated("demonstrations", "traits", {}))
    assert [one.task for one in store.tasks("carry")] == ["capitals"]
    assert store.trials("demonstrations") == [Trial(**TRIAL)]
    publish(path, [result("answers", 3.0)], "abc", stated("answers", "facts", {}))
    assert store.trials("demonstrations") == [Trial(**TRIAL)]
