"""Tokenizers of a GGUF: Gemma's by hand and against transformers' own conversion, the others' cut
of words.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from backend.core.gguf import GgufError, GgufFile
from backend.core.gguf.tokenizer import merges_of, tokenizer_files
from backend.core.lm import LanguageModel
from tests.core.gguf.tiny_gguf import tiny
from tests.tiny import tiny_tokenizer

TEXTS = (
    "What cat",
    "the cat  the   cat",
    " the",
    "a\nb\n\nc\n\n\n\nd",
    "<bos>the<eos>",
    "<table>what",
    "你好, 世界",
    "é € 𝄞",
    "...",
    "The.\n",
    "",
    " ",
    "      x",
    "[multimodal]",
    "a\tb\r\nc",
)


def made(file: Path) -> tuple[Tokenizer, dict[str, Any]]:
    with GgufFile([file]) as opened:
        files = tokenizer_files(opened)
    return Tokenizer.from_str(files["tokenizer.json"]), json.loads(files["tokenizer_config.json"])


def test_merges_are_the_cuts_of_an_entry_into_two_entries_longest_left_part_first() -> None:
    tokens = ["a", "b", "ab", "c", "abc", "bc", "cab"]
    expected = [("a", "b"), ("ab", "c"), ("a", "bc"), ("b", "c"), ("c", "ab")]
    assert list(merges_of(tokens)) == expected


def test_gemmas_tokens_by_hand(tmp_path: Path) -> None:
    tokenizer, config = made(tiny("gemma3").write(tmp_path / "tiny.gguf"))
    ids = tokenizer.token_to_id
    assert tokenizer.encode("What cat").ids == [ids("<bos>"), ids("What"), ids("▁cat")]
    assert tokenizer.encode("\n\n\n\n", add_special_tokens=False).ids == [ids("\n\n\n"), ids("\n")]
    assert tokenizer.encode("a   b", add_special_tokens=False).tokens == ["a", "▁▁▁", "b"]
    assert tokenizer.encode("é", add_special_tokens=False).tokens == ["<0xC3>", "<0xA9>"]
    assert tokenizer.decode(tokenizer.encode("the cat, 你好 é").ids) == "the cat, 你好 é"
    assert (config["bos_token"], config["eos_token"], config["unk_token"]) == (
        "<bos>",
        "<eos>",
        "<unk>",
    )


@pytest.mark.parametrize("architecture", ["gemma2", "gemma3", "gpt2", "qwen2", "llama"])
def test_transformers_own_conversion_gives_the_same_tokenizer(
    architecture: str, tmp_path: Path
) -> None:
    """As a parsed file for Gemma. The others' kind of tokenizer is cut into words by GPT-2's rule
    here.
    """
    changes = {} if architecture.startswith("gemma") else {"tokenizer__ggml__pre": "gpt-2"}
    path = tiny(architecture).write(tmp_path / "tiny.gguf", **changes)
    theirs = AutoTokenizer.from_pretrained(tmp_path, gguf_file=path.name)
    ours, _ = made(path)
    if architecture.startswith("gemma"):
        assert json.loads(ours.to_str()) == json.loads(theirs.backend_tokenizer.to_str())
    for text in TEXTS:
        assert ours.encode(text).ids == theirs(text)["input_ids"], text


def test_a_byte_level_vocabulary_gives_back_the_tokenizer_that_it_is_of(tmp_path: Path) -> None:
    expected = tiny_tokenizer()
    lm = LanguageModel.load(tiny("llama").write(tmp_path / "tiny.gguf"), home=tmp_path)
    for text in ("The cat sat on the mat.", "What is the capital", "你好，世界。", "<bos>a<eos>"):
        assert lm.tokenize(text) == expected.encode(text, add_special_tokens=False)
    assert lm.bos_id is None  # the file says that no text begins with it
    assert lm.decode(lm.tokenize("Moscow?", chat=True)) == "user\nMoscow?<eos>\nassistant\n"
    begun = tiny("llama").write(tmp_path / "begun.gguf", add_bos_token=True)
    assert LanguageModel.load(begun, home=tmp_path).tokenize("cat")[0] == 2


def test_digits_stand_apart_where_the_vocabulary_was_learned_so(tmp_path: Path) -> None:
    words = {}
    for cut in ("smollm", "gpt-2"):
        tokenizer, _ = made(tiny("llama").write(tmp_path / f"{cut}.gguf", tokenizer__ggml__pre=cut))
        words[cut] = [text for text, _ in tokenizer.pre_tokenizer.pre_tokenize_str("in 1234")]
    assert words == {"smollm": ["in", "Ġ", "1", "2", "3", "4"], "gpt-2": ["in", "Ġ1234"]}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"tokenizer__ggml__pre": "of its own"},
            "cuts text into words as 'of its own' does; read are",
        ),
        (
            {"tokenizer__ggml__model": "t5"},
            "has a tokenizer of the kind 't5'; read are 'gpt2' and 'llama'",
        ),
        ({"tokenizer__ggml__tokens": None}, "does not state tokenizer.ggml.tokens"),
        ({"tokenizer__ggml__merges": None}, "does not state tokenizer.ggml.merges"),
        ({"tokenizer__ggml__tokens": ["a"] * 500}, "has 500 tokens, but embeddings of"),
        ({"eos_token_id": 70_000}, "eos_token_id is 70000; allowed: 0 to"),
        ({"tokenizer__ggml__model": None}, "does not state tokenizer.ggml.model"),
    ],
)
def test_tokenizers_that_are_not_read_are_named(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = tiny("llama").write(tmp_path / "odd.gguf", **changes)
    with GgufFile([path]) as file, pytest.raises(GgufError, match=said):
        tokenizer_files(file)
