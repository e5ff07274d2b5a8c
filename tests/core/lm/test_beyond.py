"""Tokens that the tokenizer knows and the embedding has no row for, as Gemma 3's image mark."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AddedToken, AutoTokenizer

from backend.core.lm import LanguageModel
from backend.core.lm.tokens import require_embedded
from backend.core.store import Store
from precompute.cli import main
from tests.tiny import tiny_model_dir, tiny_sae_dir, tiny_tokenizer

MARK = "<image_soft_token>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tiny_model_dir(tmp_path_factory.mktemp("beyond"))
    tokenizer = AutoTokenizer.from_pretrained(made)
    tokenizer.add_tokens([AddedToken(MARK, special=True)], special_tokens=True)
    tokenizer.save_pretrained(made)
    return made


def test_the_mark_is_refused_in_a_prompt_and_in_a_chat(folder: Path) -> None:
    lm = LanguageModel.load(folder)
    assert len(lm.tokenizer) == lm.vocab_size + 1
    assert max(lm.special_ids) < lm.vocab_size
    for chat in (False, True):
        with pytest.raises(ValueError, match=f"'{MARK}' .token {lm.vocab_size}.* no embedding"):
            lm.tokenize(f"What is {MARK}?", chat=chat)
    assert lm.forward([lm.tokenize("What is it?")]).logits.shape[-1] == lm.vocab_size


@given(ids=st.lists(st.integers(0, 999), max_size=20), vocab_size=st.integers(1, 999))
@settings(max_examples=100)
def test_only_ids_beyond_the_embedding_are_refused(ids: list[int], vocab_size: int) -> None:
    tokenizer = tiny_tokenizer()
    if all(token_id < vocab_size for token_id in ids):
        require_embedded(ids, vocab_size, tokenizer)
        return
    first = next(token_id for token_id in ids if token_id >= vocab_size)
    with pytest.raises(ValueError, match=f"token {first}"):
        require_embedded(ids, vocab_size, tokenizer)


def test_a_corpus_with_the_mark_is_built_without_counting_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = ["What is the capital of Russia?\nMoscow.\n", "The cat sat on the mat.\n"] * 30
    given = ["--model", folder, "--sae", tiny_sae_dir(tmp_path, 0), "--ctx-len", 32]
    given += ["--tokens", 2000, "--shards", 20, "--sequences", 4]
    for name, texts in (("plain", plain), ("marked", [MARK + text + MARK for text in plain])):
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        (tmp_path / f"{name}.jsonl").write_text(lines)
        own = ["--corpus", tmp_path / f"{name}.jsonl", "--work", tmp_path / name]
        own += ["--out", tmp_path / f"{name}.duckdb"]
        assert main(["all", *map(str, [*given, *own])]) == 0
        assert ("2 tokens without an embedding left out" in capsys.readouterr().err) == (
            name == "marked"
        )
    first, second = (Store.open(tmp_path / f"{name}.duckdb") for name in ("plain", "marked"))
    assert first.tokens(limit=999) == second.tokens(limit=999)
    assert first.saes() == second.saes()
