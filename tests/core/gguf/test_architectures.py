"""A model and the GGUF made of it give the same numbers; and transformers' own reading of a GGUF
gives ours.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, GgufConfig

from backend.core.gguf.architectures import ARCHITECTURES
from backend.core.hub import ModelUnavailable
from backend.core.lm import LanguageModel
from tests.core.gguf.tiny_gguf import tiny
from tests.core.gguf.writer import plain, write_gguf

IDS = torch.tensor([[2, 9, 40, 41, 7, 100, 101, 60, 61, 62, 63, 64, 9, 10, 11]])


def bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.contiguous().view(torch.int32)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_model_of_a_gguf_is_the_one_that_it_was_made_of(
    architecture: str, tmp_path: Path
) -> None:
    """Weights to the last bit, and logits over more positions than the sliding window is wide."""
    made = tiny(architecture)
    lm = LanguageModel.load(made.write(tmp_path / "tiny.gguf"), home=tmp_path)
    assert type(lm.model) is type(made.model)
    for name, weights in made.model.state_dict().items():
        assert torch.equal(bits(lm.model.state_dict()[name]), bits(weights)), name
    with torch.inference_mode():
        torch.testing.assert_close(
            lm.forward(IDS).logits, made.model(IDS).logits, atol=1e-4, rtol=1e-4
        )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_transformers_reads_the_same_weights(architecture: str, tmp_path: Path) -> None:
    """Every matrix in another format. Its own loader needs the gguf package and a minute for a real
    vocabulary.
    """
    path = tiny(architecture).write_packed(tmp_path / "packed.gguf")
    theirs = AutoModelForCausalLM.from_pretrained(
        tmp_path,
        gguf_file=path.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.float32,
    ).state_dict()
    ours = LanguageModel.load(path, home=tmp_path).model.state_dict()
    assert set(ours) == set(theirs)
    for name, weights in theirs.items():
        assert torch.equal(bits(ours[name]), bits(weights)), name


def test_gemma_3_alternates_two_windows_and_two_rotations(tmp_path: Path) -> None:
    config = LanguageModel.load(
        tiny("gemma3").write(tmp_path / "tiny.gguf"), home=tmp_path
    ).model.config
    assert config.layer_types == ["sliding_attention"] * 5 + ["full_attention", "sliding_attention"]
    assert {kind: rope["rope_theta"] for kind, rope in config.rope_parameters.items()} == {
        "full_attention": 1e6,
        "sliding_attention": 1e4,
    }
    assert config.sliding_window == 8
    larger = tiny("gemma3").write(
        tmp_path / "larger.gguf",
        gemma3__rope__scaling__type="linear",
        gemma3__rope__scaling__factor=8.0,
    )
    rope = LanguageModel.load(larger, home=tmp_path).model.config.rope_parameters["full_attention"]
    assert (rope["rope_type"], rope["factor"]) == ("linear", 8.0)


def test_llama_3s_scaling_is_found_in_its_factors(tmp_path: Path) -> None:
    """Of head_dim 16 at base 500,000: by hand, the waves of pairs 0 to 3 are short, those of 5 to 7
    long.
    """
    made = tiny("llama")
    base, short, long = 500_000.0, [1.0] * 4, [8.0] * 3
    turns = 8192 / (2 * np.pi * base ** (8 / 16))
    share = (turns - 1) / 3  # between one turn and four within 8,192 positions
    assert 0 < share < 1
    factors = np.array([[*short, 1 / ((1 - share) / 8 + share), *long]], dtype=np.float32)[0]
    tensors = {name: plain(values) for name, values in made.stored.items()} | {
        "rope_freqs.weight": plain(factors)
    }
    path = write_gguf(
        tmp_path / "three.gguf", made.metadata | {"llama.rope.freq_base": base}, tensors
    )
    rope = LanguageModel.load(path, home=tmp_path).model.config.rope_parameters
    assert (rope["rope_type"], rope["factor"], rope["original_max_position_embeddings"]) == (
        "llama3",
        8.0,
        8192,
    )
    tensors["rope_freqs.weight"] = plain(factors * np.float32(1.5))
    other = write_gguf(
        tmp_path / "other.gguf", made.metadata | {"llama.rope.freq_base": base}, tensors
    )
    with pytest.raises(ModelUnavailable, match="not Llama 3's scaling"):
        LanguageModel.load(other, home=tmp_path)


@pytest.mark.parametrize(
    ("architecture", "changes", "said"),
    [
        (
            "llama",
            {"general__architecture": "mamba"},
            "of the architecture 'mamba'; read are gemma2, gemma3, gpt2",
        ),
        (
            "llama",
            {"llama__rope__scaling__type": "yarn"},
            "scales its rotation by 'yarn'; read are 'none' and 'linear'",
        ),
        ("llama", {"rope__dimension_count": 8}, "rotates 8 of a head's 16 dimensions"),
        (
            "llama",
            {"block_count": 8},
            "lacks 9 tensors of the model that it describes, model.layers.7",
        ),
        (
            "llama",
            {"block_count": 6},
            "also holds 9 tensors of the model that it describes, model.layers.6",
        ),
        (
            "llama",
            {"feed_forward_length": 512},
            r"mlp.gate_proj.weight has the shape \[256, 64\].*needs \[512, 64\]",
        ),
        (
            "llama",
            {"attention__head_count_kv": [2] * 7},
            r"num_key_value_heads is \[2, 2.*one number for all layers",
        ),
        ("gemma3", {"rope__freq_base": None}, "does not state gemma3.rope.freq_base"),
        ("gemma3", {"block_count": None}, "does not state gemma3.block_count"),
    ],
)
def test_what_is_not_read_is_named(
    architecture: str, changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = tiny(architecture).write(tmp_path / "odd.gguf", **changes)
    with pytest.raises(ModelUnavailable, match=said):
        LanguageModel.load(path, home=tmp_path)


def test_a_tensor_that_the_architecture_does_not_have_is_named(tmp_path: Path) -> None:
    made = tiny("qwen3")
    tensors = {name: plain(values) for name, values in made.stored.items()}
    tensors["blk.0.ffn_gate_exps.weight"] = tensors["blk.0.ffn_gate.weight"]
    path = write_gguf(tmp_path / "experts.gguf", made.metadata, tensors)
    with pytest.raises(
        ModelUnavailable, match=r"holds blk.0.ffn_gate_exps.weight, which is not read for qwen3"
    ):
        LanguageModel.load(path, home=tmp_path)
