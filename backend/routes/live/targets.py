"""A target as the wire has it, made ready: the token found, the pattern compiled."""

from __future__ import annotations

from backend.core.steering.targets import LanguageTarget, RegexTarget, Target, TokenTarget
from backend.routes.request.problems import Refusal, refuse_field
from backend.schemas import LanguageTarget as AskedLanguage
from backend.schemas import RegexTarget as AskedRegex
from backend.schemas import TokenTarget as AskedToken
from backend.serving.loading import Loaded

Asked = AskedToken | AskedRegex | AskedLanguage


def read_target(asked: Asked, field: str, loaded: Loaded) -> Target:
    """Checked; a 422 under `field` for a token that the model lacks and a pattern that is none."""
    if isinstance(asked, AskedLanguage):
        return LanguageTarget(asked.language)
    if isinstance(asked, AskedRegex):
        target = RegexTarget(asked.pattern)
        try:
            _ = target.compiled
        except ValueError as error:
            raise unsearchable(field, target, error) from error
        return target
    return TokenTarget(read_token(asked, field, loaded))


def unsearchable(field: str, target: Target | None, error: ValueError) -> Refusal:
    """A 422 for a pattern that is none, or that takes too long on a text."""
    pattern = getattr(target, "pattern", "")
    return refuse_field(f"{field}.pattern", pattern, f"a pattern that can be searched for: {error}")


def read_token(asked: AskedToken, field: str, loaded: Loaded) -> int:
    """Its token_id; a 422 under `field` for one that the model lacks, and for a text of several
    tokens."""
    vocab = loaded.lm.vocab_size
    if asked.text is None:
        if asked.token_id is None or asked.token_id >= vocab:
            raise refuse_field(f"{field}.token_id", asked.token_id, f"0 to {vocab - 1}")
        return asked.token_id
    ids = loaded.lm.tokenizer.encode(asked.text, add_special_tokens=False)
    if len(ids) != 1:
        pieces = [loaded.text(int(token_id)) for token_id in ids[:8]]
        raise refuse_field(
            f"{field}.text", asked.text, f"text that is one token of this model; this is {pieces}"
        )
    return int(ids[0])
