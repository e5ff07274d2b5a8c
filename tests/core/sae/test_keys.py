"""Every key of `cfg.json`: honoured, without effect, or refused by name; arrays likewise."""

import dataclasses
import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.presets import load_preset
from backend.core.sae import Sae, keys
from backend.core.sae.config import stated_config
from tests.sae_cases import NEW, OLD, K, folder_of
from tests.tiny import D_SAE

NAMED = Path("cfg.json")


def test_every_key_that_sae_lens_writes_has_its_place() -> None:
    from sae_lens.loading.pretrained_sae_loaders import LLM_METADATA_KEYS
    from sae_lens.registry import SAE_CLASS_REGISTRY, SAE_TRAINING_CLASS_REGISTRY

    classes = [SAE_CLASS_REGISTRY[name][1] for name in ("standard", "topk", "jumprelu")]
    classes += [
        SAE_TRAINING_CLASS_REGISTRY[name][1]
        for name in ("standard", "topk", "jumprelu", "batchtopk", "matryoshka_batchtopk")
    ]
    written = {
        field.name for one in classes for field in dataclasses.fields(one)
    } | LLM_METADATA_KEYS
    written |= {name for config in OLD.values() for name in config}
    harmless = [name for names in keys.HARMLESS.values() for name in names.split()]
    groups = [
        keys.ENCODER,
        keys.SITE,
        set(keys.EMPTY),
        set(keys.SPELLINGS),
        set(harmless),
        {"metadata"},
    ]
    assert written <= set().union(*groups)
    assert sum(map(len, groups)) == len(set().union(*groups))  # each in one place
    assert len(harmless) == len(set(harmless))


@given(
    name=st.from_regex(r"[a-z][a-z_0-9]{2,30}", fullmatch=True),
    value=st.one_of(
        st.booleans(), st.none(), st.integers(), st.text(max_size=5), st.just({"a": 1})
    ),
    place=st.sampled_from(["top", "metadata"]),
)
@settings(max_examples=150)
def test_an_unknown_key_is_refused_by_name(name: str, value: object, place: str) -> None:
    known = keys.ENCODER | keys.SITE | keys.ABOUT | set(keys.EMPTY) | set(keys.SPELLINGS)
    if (
        name in known
        or name == "metadata"
        or any(name in names.split() for names in keys.HARMLESS.values())
    ):
        return
    config = json.loads(json.dumps(NEW))
    (config if place == "top" else config["metadata"])[name] = value
    with pytest.raises(ValueError, match=rf"cfg.json: (metadata\.)?{name} is .* not known"):
        stated_config(config, NAMED)


def test_what_is_harmless_changes_nothing_and_what_must_be_empty_is_refused() -> None:
    expected, _ = stated_config(NEW, NAMED)
    for name in (name for names in keys.HARMLESS.values() for name in names.split()):
        for value in (None, 7, "x", [1], {"k": K}):
            for config in (
                NEW | {name: value},
                NEW | {"metadata": NEW["metadata"] | {name: value}},
            ):
                found, centred = stated_config(config, NAMED)
                assert dataclasses.replace(found, metadata=expected.metadata) == expected, name
                assert not centred
    for name, value in product(keys.EMPTY, ("blocks.1.hook_mlp_out", {"a": 1})):
        for config in (NEW | {name: value}, NEW | {"metadata": NEW["metadata"] | {name: value}}):
            with pytest.raises(ValueError, match=f"{name} is .*Only SAEs without it"):
                stated_config(config, NAMED)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hook_layer": 2}, "hook_layer is 2, and hook_name is 'blocks.1.hook_resid_post'"),
        (
            {"hook_name": "blocks.2.hook_resid_post"},
            "elsewhere hook_name is 'blocks.2.hook_resid_post'",
        ),
        (
            {"hook_point": "blocks.2.hook_resid_post"},
            "elsewhere hook_name is 'blocks.2.hook_resid_post'",
        ),
        (
            {"hook_point_head_index": 3},
            "hook_head_index is None, and elsewhere hook_head_index is 3",
        ),
        (
            {"activation_fn": "relu", "activation_fn_str": "topk"},
            "elsewhere activation_fn is 'relu'",
        ),
        ({"activation_fn_kwargs": {"k": K, "signed": True}}, "activation_fn_kwargs is"),
        ({"activation_fn_kwargs": [K]}, "activation_fn_kwargs is"),
        ({"k": K}, "k is 4 in an SAE of architecture 'standard'"),
        (
            {"architecture": "topk", "k": K, "activation_fn_kwargs": {"k": 5}},
            "k is 4, and activation_fn_kwargs.k is 5",
        ),
        (
            {"architecture": "topk", "k": K, "activation_fn": "relu"},
            "activation_fn is 'relu', and architecture is",
        ),
        ({"rescale_acts_by_decoder_norm": True}, "only SAEs of architecture 'topk' have it"),
        ({"apply_b_dec_to_input": 1}, "apply_b_dec_to_input is 1; allowed: True, False"),
        (
            {"model_from_pretrained_kwargs": {"rotate_everything": True}},
            "loaded with rotate_everything",
        ),
        (
            {"model_from_pretrained_kwargs": "x"},
            "model_from_pretrained_kwargs is 'x'; needed: an object",
        ),
        ({"metadata": [1]}, r"metadata is \[1\]; needed: an object"),
    ],
)
def test_contradictions_and_wrong_kinds_are_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        stated_config(NEW | change, NAMED)


@given(name=st.from_regex(r"[A-Za-z_]{1,12}", fullmatch=True))
@settings(max_examples=20)
def test_an_array_that_is_not_called_for_is_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    if name in ("W_enc", "b_enc", "W_dec", "b_dec", "scaling_factor"):
        return
    folder = folder_of(tmp_path_factory.mktemp("sae"), NEW, **{name: torch.ones(D_SAE)})
    with pytest.raises(
        ValueError, match=f"holds {name}, which an SAE of architecture 'standard' does not have"
    ):
        Sae.load(folder)


def test_what_a_trained_sae_says_of_its_training_is_no_setting() -> None:
    """A JumpReLU SAE that was trained as BatchTopK names its k; the shipped ones do."""
    expected, _ = stated_config(NEW, NAMED)
    about = dict.fromkeys(keys.ABOUT - {"l0"}, 6.0)
    found, _ = stated_config(NEW | {"metadata": NEW["metadata"] | about}, NAMED)
    assert dataclasses.replace(found, metadata=expected.metadata) == expected
    for source in load_preset("lab").saes:
        assert Sae.check(source.path).metadata["k"] == 32.0
