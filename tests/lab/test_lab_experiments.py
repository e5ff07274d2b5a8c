"""The shipped experiments: of the shipped build, over enough prompts,
their figures those of their values.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from backend.core.companions.experiments.store import KIND, ExperimentsStore
from backend.core.companions.file import build_identity, companion_path
from backend.core.companions.served import Build
from backend.core.presets import load_preset
from backend.core.store import Store
from backend.routes.browse.experiments import read_answers, read_experiments
from backend.routes.request.problems import Refusal
from precompute.experiments.grid import CELLS, CONTROLS
from precompute.experiments.grid_prompts import KINDS

SAE_IDS = ("layer_1", "layer_3", "layer_5", "layer_7")


@pytest.fixture(scope="module")
def experiments() -> ExperimentsStore:
    build = Path(load_preset("lab").build)
    store = ExperimentsStore(companion_path(build, KIND))
    store.require(build_identity(Store.open(build).provenance()))
    assert store.path.stat().st_size < 500_000
    return store


@pytest.mark.parametrize(
    ("experiment", "arm"), [("necessity", "reactivated"), ("distance", "ablate near_content")]
)
def test_means_are_those_of_at_least_200_prompts(
    experiments: ExperimentsStore, experiment: str, arm: str
) -> None:
    outcome = "loss_change" if experiment == "necessity" else "kl"
    for sae_id in SAE_IDS:
        (row,) = experiments.estimates(experiment, arm=arm, outcome=outcome, sae_id=sae_id)
        values = experiments.per_prompt(experiment, arm, outcome, sae_id)
        assert row.n == len(values) >= 200
        assert row.value == pytest.approx(np.mean(values), rel=1e-5, abs=1e-8)
        assert row.low is not None
        assert row.high is not None
        assert row.low <= row.value <= row.high


def test_every_cell_of_the_grid_has_its_controls_and_its_answers(
    experiments: ExperimentsStore,
) -> None:
    shares = {
        (row.arm, row.subject): row for row in experiments.estimates("grid", outcome="success")
    }
    for cell in CELLS:
        names = [cell.name] + [
            f"{cell.name} · {c}" for c in CONTROLS if c != "feature" and cell.traits
        ]
        assert {(name, kind) for name in names for kind in KINDS} <= shares.keys()
        for kind in KINDS:
            answers = [
                a for a in experiments.answers("grid") if (a.arm, a.subject) == (cell.name, kind)
            ]
            row = shares[cell.name, kind]
            assert row.n == len(answers)
            assert row.value == pytest.approx(sum(bool(a.success) for a in answers) / len(answers))


def test_every_layer_was_searched_and_says_how_it_went(experiments: ExperimentsStore) -> None:
    assert [row.sae_id for row in experiments.estimates("trait", outcome="k")] == list(SAE_IDS)
    assert len(experiments.findings("trait")) == len(SAE_IDS)
    layers = {
        row.layer
        for row in experiments.estimates("difference_of_means", outcome="success", arm="1 ×")
    }
    assert layers == set(range(8))


def test_the_api_gives_every_estimate_with_its_arm_in_words(experiments: ExperimentsStore) -> None:
    told = read_experiments(SimpleNamespace(build=Build(None, Path(load_preset("lab").build))))  # type: ignore[arg-type]
    names = [one.name for one in told.experiments]
    assert names == [
        "reactivation",
        "necessity",
        "distance",
        "grid",
        "trait",
        "difference_of_means",
        "answers",
        "carry",
        "travel",
        "words",
        "needed",
        "dictionaries",
    ]
    for one in told.experiments:
        rows = experiments.estimates(one.name)
        assert [row.value for row in one.estimates] == [row.value for row in rows]
        assert {row.arm for row in one.estimates} <= set(one.arms)
        assert {row.outcome for row in one.estimates} <= set(one.outcomes)
        assert one.findings


def test_the_reactivation_index_is_that_of_its_shares(experiments: ExperimentsStore) -> None:
    for sae_id in SAE_IDS:
        rows = {
            (row.arm, row.outcome): row
            for row in experiments.estimates("reactivation", sae_id=sae_id)
        }
        for arm in ("function", "content"):
            share, null = rows[arm, "share"].value, rows[arm, "shuffled_share"].value
            assert rows[arm, "index"].value == pytest.approx(share - null, abs=1e-6)
        both = rows["function", "index"].value - rows["content", "index"].value
        assert rows["function - content", "index"].value == pytest.approx(both, abs=1e-9)
        for (_, outcome), row in rows.items():
            if outcome != "share":
                assert row.low is not None
                assert row.high is not None
                assert row.low <= row.value <= row.high
        assert {row.n for row in rows.values()} == {len(load_preset("lab").prompt_set())}


def test_the_api_gives_the_answers_word_for_word_and_names_what_was_run(
    experiments: ExperimentsStore,
) -> None:
    served: Any = SimpleNamespace(build=Build(None, Path(load_preset("lab").build)))
    told = read_answers("grid", served)
    kept = experiments.answers("grid")
    assert [one.text for one in told.answers] == [one.text for one in kept]
    assert kept
    with pytest.raises(Refusal, match="No experiment 'grill'.*there are: .*grid"):
        read_answers("grill", served)
