"""`functionscope saes`: layer, width and L0 as the names state them, and no network."""

import socket
from types import SimpleNamespace

import pytest

from precompute.fetching import listing
from precompute.fetching.listing import known, of_model, read_list

LIST = {
    "scope-res": {
        "model": "google/gemma-3-270m",
        "saes": [
            {"id": "layer_12_width_16k_l0_big", "path": "resid_post/layer_12", "l0": 150},
            {"id": "layer_12_width_1m_l0_big", "path": "resid_post/layer_12", "l0": 0},
        ],
    },
    "gpt2-res": {
        "model": "gpt2-small",
        "saes": [
            {"id": "blocks.8.hook_resid_pre", "path": "a"},
            {"id": "blocks.0.hook_resid_pre", "path": "b"},  # the embedding
            {"id": "blocks.3.hook_mlp_out", "path": "c"},
        ],
    },
    "llama_scope_lxr_8x": {
        "model": "meta-llama/Llama-3.1-8B",
        "saes": [{"id": "l5r_8x", "path": "Llama3_1-8B-Base-L5R-8x", "l0": 50.0}],
    },
    "qwen-scope-w32k-l50": {"model": "Qwen/Qwen3", "saes": [{"id": "layer7", "path": "x.pt"}]},
    "pythia-70m-res": {
        "model": "pythia-70m-deduped",
        "saes": [{"id": "blocks.5.hook_resid_post", "path": "5-res-sm"}],
    },
}


def test_what_the_names_state() -> None:
    found = {one.sae_lens_id: one for one in known(LIST)}
    rows = {name: (one.layer, one.width, one.l0, one.residual) for name, one in found.items()}
    assert rows == {
        "layer_12_width_16k_l0_big": (12, "16k", 150.0, True),
        "layer_12_width_1m_l0_big": (12, "1m", None, True),
        "blocks.8.hook_resid_pre": (7, None, None, True),
        "blocks.0.hook_resid_pre": (None, None, None, False),
        "blocks.3.hook_mlp_out": (3, None, None, False),
        "l5r_8x": (5, "8x", 50.0, True),
        "layer7": (7, "32k", None, True),
        "blocks.5.hook_resid_post": (5, None, None, True),
    }


def test_a_model_by_its_last_name_or_a_part_of_it() -> None:
    def named(wanted: str) -> set[str]:
        return {one.model for one in of_model(known(LIST), wanted)}

    assert named("someone/gemma-3-270m") == {"google/gemma-3-270m"}
    assert named("gpt2") == {"gpt2-small"}
    with pytest.raises(ValueError, match="no SAE of 'pythia-7b'; it knows 5 models.*pythia-70m"):
        named("pythia-7b")


def test_the_listing_counts_what_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "read_list", lambda: LIST)
    shown = listing.listing(SimpleNamespace(model="gpt2-small", all=False)).splitlines()
    assert shown[0].split() == ["RELEASE:ID", "MODEL", "LAYER", "WIDTH", "L0"]
    assert shown[1].split() == ["gpt2-res:blocks.8.hook_resid_pre", "gpt2-small", "7", "-", "-"]
    assert shown[2].startswith("2 that read attention, MLPs or other places are left out")
    whole = listing.listing(SimpleNamespace(model="gpt2-small", all=True)).splitlines()
    assert len(whole) == 4


def test_every_sae_of_the_installed_sae_lens_has_its_layer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Names are conventions: a release that follows another one shows here."""

    def refuse(*_: object) -> None:
        raise AssertionError("no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    every = list(known(read_list()))
    assert len(every) > 10_000
    assert [one for one in every if one.residual and one.layer is None] == []
    stated = {one.sae_lens_id: one for one in every if one.release == "gemma-scope-9b-pt-res"}
    one = stated["layer_20/width_16k/average_l0_11"]
    assert (one.layer, one.width, one.l0) == (20, "16k", 11.0)
