"""Token ids with a meaning of their own, and those that a model cannot read."""

from collections.abc import Sequence

from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Decoding:
    """Ids to text as it goes on after other text: the space that a token begins with stays.

    The decoders of Llama 2, Mistral and others drop a text's first space: alone, `▁the` and `the`
    would look the same. There the ids are decoded behind a letter, which is cut off again.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        letter = tokenizer.encode("a", add_special_tokens=False)
        spaced = tokenizer.encode("a a", add_special_tokens=False)[-1:]
        after = self._plain([*letter, *spaced]).removeprefix(self._plain(letter))
        self._letter = letter if after != self._plain(spaced) else []
        self._shown = self._plain(self._letter)

    def __call__(self, token_ids: Sequence[int]) -> str:
        return self._plain([*self._letter, *token_ids]).removeprefix(self._shown)

    def _plain(self, token_ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(token_ids), clean_up_tokenization_spaces=False))

    def newline_id(self) -> int | None:
        """The one token that a newline is, by itself or at least within a text."""
        alone = self._tokenizer.encode("\n", add_special_tokens=False)
        if len(alone) == 1:
            return int(alone[0])
        within = self._tokenizer.encode("a\na", add_special_tokens=False)
        return next((int(one) for one in within if self([one]) == "\n"), None)

    def byte_ids(self) -> frozenset[int]:
        """Tokens `<0x00>` to `<0xFF>`, one byte each; none in most vocabularies. What a run of them
        reads as is known at its end, since one stray byte makes all of it unreadable.
        """
        pieces = [f"<0x{byte:02X}>" for byte in range(256)]
        ids = self._tokenizer.convert_tokens_to_ids(pieces)
        known = [one for one in ids if one is not None and one != self._tokenizer.unk_token_id]
        back = self._tokenizer.convert_ids_to_tokens(known)
        return frozenset(one for one, piece in zip(known, back, strict=True) if piece in pieces)


def special_ids(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Declared special tokens and added tokens marked special (turn markers)."""
    added = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    return frozenset(added | set(tokenizer.all_special_ids))


def eos_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """All ids that end a generation: a chat model's end of turn is one of them."""
    config = getattr(model, "generation_config", None)
    listed = getattr(config, "eos_token_id", None)
    ids = set(listed) if isinstance(listed, (list, tuple)) else {listed}
    return frozenset(int(i) for i in ids | {tokenizer.eos_token_id} if i is not None)


def require_embedded(
    ids: Sequence[int], vocab_size: int, tokenizer: PreTrainedTokenizerBase
) -> None:
    """ValueError naming a token that the model has no embedding for: some tokenizers know a mark
    for images, whose model has no row for it.
    """
    beyond = next((token_id for token_id in ids if token_id >= vocab_size), None)
    if beyond is not None:
        raise ValueError(
            f"The prompt holds {tokenizer.convert_ids_to_tokens(int(beyond))!r} (token {beyond}), "
            f"which this model has no embedding for (it has {vocab_size:,}): leave it out."
        )
