"""Token ids with a meaning of their own, and those that a model cannot read."""

from collections.abc import Sequence

from transformers import PreTrainedModel, PreTrainedTokenizerBase


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
