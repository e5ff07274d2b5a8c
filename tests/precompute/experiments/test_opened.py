"""Model, SAEs and build from the command line."""

from argparse import Namespace

import pytest

from precompute.experiments import opened


def test_packaged_weights_are_found_by_the_name_of_their_preset(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The preset's own entry `model` is where else they may be had: a hub's name."""
    monkeypatch.setattr(
        opened, "preset_source", lambda preset: f"unpacked {preset.name}", raising=False
    )
    given = Namespace(model=None, build=None, dtype=None, sae=None, preset="gemma-3-270m")
    assert opened.source_of(given).model == "unpacked gemma-3-270m"
    given.model = "own"
    assert opened.source_of(given).model == "own"
