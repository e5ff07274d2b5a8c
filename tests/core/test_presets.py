"""Presets: every entry reads, and public SAEs carry ids that sae-lens knows."""

from collections.abc import Callable, Iterator
from math import prod
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
)

from backend.core import presets
from backend.core.opening import Opening
from backend.core.presets import load_preset, preset_names
from backend.core.sae import Sae


def test_every_preset_reads(tmp_path: Path) -> None:
    assert preset_names()[0] == "lab"
    assert {"gemma-2-9b", "gemma-2-2b", "gpt2-small", "pythia-70m-deduped", "llama-3.1-8b"} <= set(
        preset_names()
    )
    for name in preset_names():
        preset = load_preset(name, home=tmp_path)
        assert preset.name == name
        assert preset.dtype in ("float32", "bfloat16")
        assert preset.default_prompt.endswith("\n")
        assert len({sae.sae_id for sae in preset.saes}) == len(preset.saes)
        assert len(preset.saes) >= (0 if name == "smollm2-135m-instruct" else 3)
        shipped = {"lab": "lab", "gemma-3-270m": "gemma"}
        root = presets.SHIPPED / shipped[name] if name in shipped else tmp_path / name
        assert all(sae.path == root / "saes" / sae.sae_id for sae in preset.saes)
        assert preset.build.parent == root
        assert preset.corpus
        assert all(sae.d_sae for sae in preset.saes)
        assert all(sae.use in ("browse", "steer", "both") for sae in preset.saes)


def test_the_papers_model() -> None:
    preset = load_preset("gemma-2-9b")
    assert preset.model == "google/gemma-2-9b"
    assert {(sae.layer, sae.id) for sae in preset.saes} == {
        (9, "layer_9/width_1m/average_l0_122"),
        (20, "layer_20/width_1m/average_l0_101"),
        (31, "layer_31/width_1m/average_l0_77"),
        (26, "layer_26/width_16k/average_l0_116"),
    }


def test_gemma_comes_from_packages_and_falls_back_to_the_lab_model() -> None:
    preset = load_preset("gemma-3-270m")
    assert (preset.model, preset.fallback) == ("google/gemma-3-270m", "lab")
    assert preset.weights is not None
    assert preset.weights.name == "gemma-3-270m-q4_k_m"
    assert [name[-5:] for name in preset.weights.packages] == ["part1", "part2", "part3", "part4"]
    assert "ai.google.dev/gemma/terms" in preset.licence
    assert "not bit for bit Google's weights" in preset.origin


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no preset 'gemma'; known: lab, gemma-3-270m, smollm2"):
        load_preset("gemma")


def test_the_papers_chat_model_is_steered_with_the_pretrained_models_sae() -> None:
    preset = load_preset("gemma-2-9b-it")
    assert preset.prompt_format == "chat"
    (steering,) = [sae for sae in preset.saes if sae.layer == 26]
    assert (steering.release, steering.d_sae, steering.l0) == (
        "gemma-scope-9b-pt-res",
        1 << 14,
        116,
    )


def test_memory_is_the_sum_of_the_stated_shapes() -> None:
    """By hand for the paper's model:
    two bytes a weight, thresholds in four, W_dec only at width 16k.
    """
    preset = load_preset("gemma-2-9b")
    assert preset.model_bytes() == 18_483_411_968
    wide = (3584 * 2**20 + 2**20 + 3584) * 2 + 4 * 2**20
    narrow = (2 * 3584 * 2**14 + 2**14 + 3584) * 2 + 4 * 2**14
    assert preset.saes_bytes() == 3 * wide + narrow


def test_the_lab_models_shape_is_that_of_its_file() -> None:
    preset = load_preset("lab")
    with safe_open(Path(preset.model) / "model.safetensors", "numpy") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    assert sum(prod(shape) for shape in shapes.values()) == preset.n_parameters
    assert shapes["model.embed_tokens.weight"][1] == preset.d_model
    assert all(Sae.check(sae.path).d_sae == sae.d_sae for sae in preset.saes)


def gemma(**shape: int) -> Gemma2Config:
    return Gemma2Config(vocab_size=256_000, head_dim=256, **shape)


CONFIGS = {
    "gemma-3-270m": Gemma3TextConfig(
        vocab_size=262_144,
        hidden_size=640,
        intermediate_size=2048,
        num_hidden_layers=18,
        num_attention_heads=4,
        num_key_value_heads=1,
        head_dim=256,
    ),
    "gemma-2-9b": gemma(
        hidden_size=3584,
        intermediate_size=14336,
        num_hidden_layers=42,
        num_attention_heads=16,
        num_key_value_heads=8,
    ),
    "gemma-2-2b": gemma(
        hidden_size=2304,
        intermediate_size=9216,
        num_hidden_layers=26,
        num_attention_heads=8,
        num_key_value_heads=4,
    ),
    "gpt2-small": GPT2Config(),
    "pythia-70m-deduped": GPTNeoXConfig(
        vocab_size=50304,
        hidden_size=512,
        intermediate_size=2048,
        num_hidden_layers=6,
        num_attention_heads=8,
    ),
    "llama-3.1-8b": LlamaConfig(
        vocab_size=128_256,
        hidden_size=4096,
        intermediate_size=14336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
        tie_word_embeddings=False,
    ),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_the_stated_parameters_are_those_of_the_shape(name: str) -> None:
    """transformers' own count, on the meta device: no weight is made."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(CONFIGS[name])
    preset = load_preset(name)
    assert preset.n_parameters == model.num_parameters()
    assert preset.d_model == model.get_input_embeddings().weight.shape[1]
    assert all(sae.layer < model.config.num_hidden_layers for sae in preset.saes)


BROKEN = """
[odd]
title = "Odd"
model = "x/y"
dtype = "float32"
build = "b.duckdb"
default_prompt = "a\\n"
prompts = []
prompt_format = "plain"
saes = [{ sae_id = "a/b", layer = 1 }]
[loud]
title = "Loud"
model = "x/y"
dtype = "float32"
build = "b.duckdb"
default_prompt = "a\\n"
prompts = []
prompt_format = "shouted"
saes = []
[short]
title = "Short"
"""


def test_malformed_entries_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "presets.toml").write_text(BROKEN)
    monkeypatch.setattr(presets, "PRESETS_FILE", tmp_path / "presets.toml")
    presets._file.cache_clear()
    try:
        with pytest.raises(ValueError, match="sae_id is 'a/b'"):
            load_preset("odd")
        with pytest.raises(ValueError, match="prompt_format is 'shouted'; allowed: plain, chat"):
            load_preset("loud")
        with pytest.raises(ValueError, match=r"\[short\]: KeyError 'saes'"):
            load_preset("short")
    finally:
        presets._file.cache_clear()


OPENING = """
[few-shot]
title = "Few-shot"
model = "x/y"
dtype = "float32"
build = "b.duckdb"
default_prompt = "a\\n"
prompts = [["a\\n", "b\\n"]]
prompt_format = "plain"
n_parameters = 1
d_model = 1
corpus = "none"
saes = [{ sae_id = "layer_1", layer = 1, d_sae = 2 }, { sae_id = "layer_2", layer = 2, d_sae = 2 }]
[few-shot.opening]
prefix = "q\\nanswer\\n\\n"
stop = ["\\n"]
steer = "c\\n"
default_sae = { reactivation = "layer_2" }
[[few-shot.demonstrations]]
title = "As the preset writes"
prompt = "d\\n"
sae_id = "layer_1"
feature_index = 0
mode = "add"
value = 1.0
positions = "last"
note = ""
[[few-shot.demonstrations]]
title = "Its own way"
prompt = "d\\n"
prefix = ""
stop = []
sae_id = "layer_1"
feature_index = 0
mode = "add"
value = 1.0
positions = [1]
note = ""
"""


@pytest.fixture
def write_presets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], None]]:
    """Makes this text the file of presets."""

    def write(text: str) -> None:
        (tmp_path / "presets.toml").write_text(text)
        presets._file.cache_clear()

    monkeypatch.setattr(presets, "PRESETS_FILE", tmp_path / "presets.toml")
    yield write
    presets._file.cache_clear()


def test_what_the_pages_open_with(write_presets: Callable[[str], None]) -> None:
    """What is left out is the first pair and the default prompt; a demonstration writes as its
    preset does.
    """
    write_presets(OPENING)
    preset = load_preset("few-shot")
    assert preset.opening == Opening(
        prefix="q\nanswer\n\n",
        stop=("\n",),
        reactivation=("a\n", "b\n"),
        steer="c\n",
        default_sae={"reactivation": "layer_2"},
    )
    ways = [(demo.prefix, demo.stop) for demo in preset.demonstrations]
    assert ways == [("q\nanswer\n\n", ("\n",)), ("", ())]
    write_presets(OPENING.split("[few-shot.opening]")[0])
    plain = load_preset("few-shot").opening
    assert plain == Opening(reactivation=("a\n", "b\n"), steer="a\n")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('stop = ["\\n"]', 'stop = [""]', "opening.stop has an empty string"),
        (
            "reactivation = ",
            "coverge = ",
            "opening.default_sae has coverge = 'layer_2'; allowed: overview, coverage",
        ),
        ('"layer_2" }', '"layer_9" }', "and of the SAEs layer_1, layer_2"),
        ("steer =", "steering =", r"opening has \['steering'\]; allowed: prefix, stop"),
        (
            "steer =",
            "reactivation = []\nsteer =",
            "opening.reactivation has 0 prompts; allowed: 1 or 2",
        ),
    ],
)
def test_an_opening_that_cannot_be_is_named(
    write_presets: Callable[[str], None], old: str, new: str, said: str
) -> None:
    write_presets(OPENING.replace(old, new))
    with pytest.raises(ValueError, match=said):
        load_preset("few-shot")
