"""Text of tokens, for decoders that drop a text's first space, that join bytes, and neither."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from backend.core.lm.tokens import Decoding
from backend.core.steering.text import Text
from tests.tiny import tiny_tokenizer

TEXTS = ["the cat and the dog and a bird, the end. in theory the other thing"] * 50
TEXTS += ["catalog there another endless"] * 50


def sentence_piece(*, drops_space: bool) -> PreTrainedTokenizerFast:
    """As Llama 2's and Mistral's (their decoder drops a text's first space), or as Gemma's."""
    core = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    scheme = "first" if drops_space else "never"
    core.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme=scheme, split=True)
    steps: list[Any] = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    core.decoder = decoders.Sequence(steps + [decoders.Strip(" ", 1, 0)] * drops_space)
    all_bytes = [f"<0x{byte:02X}>" for byte in range(256)]
    special = ["<unk>", "<s>", "</s>", *all_bytes]
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=special, show_progress=False)
    core.train_from_iterator(TEXTS, trainer)
    raw = json.loads(core.to_str())
    raw["added_tokens"] = [one for one in raw["added_tokens"] if one["content"] not in all_bytes]
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(raw)),
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
    )


TOKENIZERS = {
    "llama": sentence_piece(drops_space=True),
    "gemma": sentence_piece(drops_space=False),
    "byte level": tiny_tokenizer(),
}
BYTES = sorted(Decoding(TOKENIZERS["llama"]).byte_ids())


@pytest.mark.parametrize("kind", ["llama", "gemma"])
def test_a_token_is_shown_with_the_space_that_its_piece_begins_with(kind: str) -> None:
    tokenizer, decode = TOKENIZERS[kind], Decoding(TOKENIZERS[kind])
    vocabulary = tokenizer.get_vocab()
    pairs = [piece for piece in vocabulary if piece[0] == "▁" and piece[1:] in vocabulary]
    assert len(pairs) > 3
    for piece in pairs:
        texts = decode([vocabulary[piece]]), decode([vocabulary[piece[1:]]])
        assert texts == (piece.replace("▁", " "), piece[1:])
    assert decode([vocabulary["<0x0A>"]]) == "\n"


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_a_newline_is_found_as_it_stands_in_a_text(kind: str) -> None:
    tokenizer, decode = TOKENIZERS[kind], Decoding(TOKENIZERS[kind])
    newline = decode.newline_id()
    assert newline is not None
    assert decode([newline]) == "\n"
    assert newline in tokenizer.encode("the\ncat", add_special_tokens=False)


def test_only_byte_tokens_are_bytes() -> None:
    assert len(BYTES) == 256
    assert Decoding(TOKENIZERS["byte level"]).byte_ids() == frozenset()


def test_other_tokenizers_decode_as_they_do() -> None:
    """What has been built and shared with them stays."""
    for kind in ("gemma", "byte level"):
        tokenizer, decode = TOKENIZERS[kind], Decoding(TOKENIZERS[kind])
        for token_id in range(len(tokenizer)):
            assert decode([token_id]) == tokenizer.decode([token_id])


@given(data=st.data(), kind=st.sampled_from(sorted(TOKENIZERS)))
@settings(max_examples=300)
def test_streamed_pieces_join_to_the_decoded_text(data: st.DataObject, kind: str) -> None:
    """Whole characters in bytes, halves of one, stray bytes, and words, in any order."""
    tokenizer = TOKENIZERS[kind]
    some = [st.integers(3, len(tokenizer) - 1)]
    if kind != "byte level":
        some.append(st.sampled_from(BYTES))
    runs = [st.lists(one, min_size=1, max_size=4) for one in some]
    spelt = st.text("aé世😀\n", min_size=1, max_size=3)
    runs.append(spelt.map(lambda text: tokenizer.encode(text, add_special_tokens=False)))
    ids = [one for run in data.draw(st.lists(st.one_of(runs), min_size=1)) for one in run]
    decode = Decoding(tokenizer)
    lm: Any = SimpleNamespace(decode=decode, byte_ids=decode.byte_ids(), eos_ids=frozenset({0}))
    text, shown = Text(lm), ""
    for place, token_id in enumerate(ids):
        shown += text.push(token_id, last=place == len(ids) - 1)
        assert decode(ids).startswith(shown)
    assert shown == decode(ids)


def test_tokens_of_a_text_join_to_it() -> None:
    for tokenizer in TOKENIZERS.values():
        decode = Decoding(tokenizer)
        ids = tokenizer.encode("the cat and the end", add_special_tokens=False)
        assert "".join(decode([one]) for one in ids) == decode(ids)
        assert decode(ids).strip() == "the cat and the end"
