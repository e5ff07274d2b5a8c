"""A checkpoint is loaded whole and exactly, or refused: no weight is made up or left out."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
)

from backend.core.hub import ModelUnavailable
from backend.core.lm import LanguageModel
from backend.core.lm.weights import WrongWeights
from precompute.cli import main
from tests.tiny import tiny_model_dir, tiny_tokenizer

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}


def weights_of(folder: Path) -> Path:
    return folder / "model.safetensors"


def rewrite(folder: Path, arrays: dict[str, torch.Tensor]) -> None:
    save_file(
        {name: array.contiguous() for name, array in arrays.items()},
        weights_of(folder),
        {"format": "pt"},
    )


def made(tmp: Path, kind: str) -> Path:
    """A tiny model of another architecture with the tiny tokenizer. Its embedding and unembedding
    are two.
    """
    tokenizer = tiny_tokenizer()
    n = len(tokenizer)
    models = {
        "gpt2": lambda: GPT2LMHeadModel(
            GPT2Config(
                vocab_size=n,
                n_embd=32,
                n_layer=2,
                n_head=4,
                n_positions=64,
                bos_token_id=2,
                eos_token_id=1,
            )
        ),
        "llama": lambda: LlamaForCausalLM(LlamaConfig(vocab_size=n, **SIZES)),
        "gpt_neox": lambda: GPTNeoXForCausalLM(
            GPTNeoXConfig(vocab_size=n, max_position_embeddings=64, **SIZES)
        ),
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        models[kind]().save_pretrained(tmp / kind)
    tokenizer.save_pretrained(tmp / kind)
    return tmp / kind


@given(data=st.data())
@settings(max_examples=25)
def test_one_tensor_that_is_missing_renamed_or_of_another_shape_is_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tiny_model_dir(tmp_path_factory.mktemp("model"))
    arrays = load_file(weights_of(folder))
    name = data.draw(st.sampled_from(sorted(arrays)))
    change = data.draw(st.sampled_from(["missing", "renamed", "another shape", "added"]))
    array = arrays[name] if change == "added" else arrays.pop(name)
    other = name.replace("model.", "model.other.", 1)
    arrays |= {
        "missing": {},
        "renamed": {other: array},
        "added": {other: array.clone()},
        "another shape": {name: torch.cat([array, array])},
    }[change]
    rewrite(folder, arrays)
    said = {
        "missing": f"they lack .*{name}",
        "renamed": f"they lack .*{name}.* they hold, without a place for them, {other}",
        "added": f"they hold, without a place for them, {other}",
        "another shape": f"they hold in another shape {name} ",
    }[change]
    with pytest.raises(WrongWeights, match=said) as refused:
        LanguageModel.load(folder)
    assert str(folder) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_several_are_counted_not_all_listed(tmp_path: Path) -> None:
    folder = tiny_model_dir(tmp_path)
    arrays = load_file(weights_of(folder))
    kept = {name: array for name, array in arrays.items() if "layers.2" not in name}
    rewrite(folder, kept)
    with pytest.raises(
        WrongWeights, match=rf"and {len(arrays) - len(kept) - 3} more\. Fetch or copy it again"
    ):
        LanguageModel.load(folder)


@pytest.mark.parametrize("kind", ["gpt2", "llama", "gpt_neox"])
def test_a_tied_unembedding_need_not_be_there_and_an_untied_one_must(
    tmp_path: Path, kind: str
) -> None:
    folder = made(tmp_path, kind)
    lm = LanguageModel.load(folder)
    tied = lm.model.get_output_embeddings().weight is lm.model.get_input_embeddings().weight
    assert tied == (kind == "gpt2")
    again = LanguageModel.load(folder)
    ids = [lm.tokenize("What is the capital?")]
    assert torch.equal(lm.forward(ids).logits, again.forward(ids).logits)
    arrays = load_file(weights_of(folder))
    kept = {
        name: array
        for name, array in arrays.items()
        if name not in ("lm_head.weight", "embed_out.weight")
    }
    assert (len(kept) == len(arrays)) == tied
    if not tied:
        rewrite(folder, kept)
        with pytest.raises(WrongWeights, match=r"they lack lm_head.weight\."):
            LanguageModel.load(folder)


def test_a_tied_embedding_that_is_absent_under_both_names_is_missing(tmp_path: Path) -> None:
    folder = made(tmp_path, "gpt2")
    arrays = load_file(weights_of(folder))
    rewrite(folder, {name: array for name, array in arrays.items() if "wte" not in name})
    with pytest.raises(WrongWeights, match="they lack .*wte.weight"):
        LanguageModel.load(folder)


def test_constants_of_older_files_are_no_weights(tmp_path: Path) -> None:
    folder = made(tmp_path, "gpt2")
    arrays = load_file(weights_of(folder))
    mask = {
        "transformer.h.0.attn.bias": torch.ones(1, 1, 64, 64),
        "transformer.h.0.attn.masked_bias": torch.tensor(-1e4),
    }
    rewrite(folder, arrays | mask)
    assert LanguageModel.load(folder).n_layers == 2


def test_a_job_on_an_incomplete_checkpoint_ends_with_one_sentence_and_no_build(
    tmp_path: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tiny_model_dir(tmp_path)
    arrays = load_file(weights_of(folder))
    arrays.pop("model.layers.2.mlp.down_proj.weight")
    rewrite(folder, arrays)
    (tmp_path / "c.jsonl").write_text('{"text": "the cat"}\n')
    given = [
        "--model",
        folder,
        "--sae",
        tiny_folder / "saes" / "layer_0",
        "--corpus",
        tmp_path / "c.jsonl",
    ]
    given += ["--work", tmp_path / "work", "--out", tmp_path / "b.duckdb"]
    assert main(["all", *map(str, given)]) == 2
    said = capsys.readouterr().err
    assert "they lack model.layers.2.mlp.down_proj.weight" in said
    assert "Traceback" not in said
    assert "LOAD REPORT" not in said  # of transformers, which says that the weights were made up
    assert not (tmp_path / "b.duckdb").exists()


def test_a_cached_model_with_wrong_weights_is_not_asked_of_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong with it is said, not that the hub cannot be reached."""
    from backend.core.lm import checkpoint

    def wrong(*_: object, **__: object) -> None:
        raise WrongWeights("some/model could not be loaded")

    def never(_: str) -> None:
        raise ModelUnavailable("the hub was asked")

    monkeypatch.setattr(checkpoint, "_read_both", wrong)
    monkeypatch.setattr(checkpoint, "require_hub", never)
    with pytest.raises(WrongWeights, match="some/model"):
        LanguageModel.load("some/model")
