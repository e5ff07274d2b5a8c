"""The card's figures are those that the SAEs state of themselves."""

import json
from pathlib import Path

import pytest

from backend.core.companions.experiments.store import ExperimentsStore
from backend.core.store import Store

FOLDER = Path(__file__).parents[2] / "precompute" / "gemma"
SAES = ("layer_5", "layer_9", "layer_12", "layer_15")
ROWS = {  # row of the card -> (entry of cfg.json, decimals)
    "width": ("d_sae", 0),
    "firings a position (k)": ("l0", 0),
    "trained on, positions": ("trained_tokens", 0),
    "explained variance": ("explained_variance", 3),
    "… without dimension 163": ("explained_variance_without_top_dimension", 3),
    "dimension 163's share of the variance": ("top_dimension_share", 2),
    "loss, nats a token: the model": ("loss", 3),
    "… through the SAE": ("loss_reconstructed", 3),
    "… with the layer set to zero": ("loss_zeroed", 2),
    "recovered loss": ("reconstruction_score", 3),
}


def stated() -> list[dict[str, float]]:
    """cfg.json of each SAE, its metadata beside the rest."""
    found = []
    for sae_id in SAES:
        config = json.loads((FOLDER / "saes" / sae_id / "cfg.json").read_text("utf-8"))
        found.append(config | config["metadata"])
    return found


@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_the_card(row: str) -> None:
    lines = (FOLDER / "README.md").read_text("utf-8").splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith(f"| {row} |")]
    name, decimals = ROWS[row]
    assert len(cells) == 1
    assert cells[0][1:] == [f"{config[name]:,.{decimals}f}" for config in stated()]


def test_the_dimension_that_holds_most_is_the_same_after_each_layer() -> None:
    assert {config["top_dimension"] for config in stated()} == {163}


def test_the_findings_are_those_of_the_experiments_beside_the_build() -> None:
    text = (FOLDER / "README.md").read_text("utf-8")
    block = text.split("<!-- findings -->\n")[1].split("<!-- /findings -->")[0]
    store = ExperimentsStore(FOLDER / "gemma.experiments.duckdb")
    told = [row[0] for row in store.query("SELECT sentence FROM finding")]
    assert len(told) > 10
    assert [line.removeprefix("- ") for line in block.strip().splitlines()] == told


def test_features_that_never_fire_in_the_build_are_at_most_one_in_a_hundred() -> None:
    store = Store.open(FOLDER / "gemma.duckdb")
    try:
        assert [row.sae_id for row in store.saes()] == list(SAES)
        assert all(row.n_active >= 0.99 * row.d_sae for row in store.saes())
    finally:
        store.close()
