"""A prompt on its way in: tokenised once,
with the class of every position. Shared by all live routes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from backend.core.lm import NoChat
from backend.core.store import Store
from backend.core.store.rows import TokenRow
from backend.routes.request.known import Known
from backend.routes.request.limits import check_prompt_chars, check_prompt_tokens
from backend.routes.request.problems import Refusal, refuse_field
from backend.routes.request.served import Backend
from backend.schemas import PositionRule, Token, TokenizeRequest
from backend.serving.loading import Loaded

_TOKENS = TypeAdapter(list[Token])


@dataclass(frozen=True)
class Prompt:
    """A tokenised prompt. `store` is the build that named the classes, None without one."""

    token_ids: list[int]
    tokens: list[Token]
    loaded: Loaded
    store: Store | None

    @property
    def special_positions(self) -> list[int]:
        return [
            p for p, token_id in enumerate(self.token_ids) if token_id in self.loaded.lm.special_ids
        ]

    @property
    def last_function(self) -> int | None:
        """Position of the last function token;
        special tokens never are one. None: no such token.
        """
        found = [token.position for token in self.tokens if token.token_class == "function"]
        return found[-1] if found else None

    def resolve(self, rule: PositionRule | Sequence[int], field: str) -> list[int]:
        """The prompt positions that `rule` means, ascending;
        a 422 naming `field` when there are none.
        """
        last = len(self.token_ids) - 1
        if rule == "last":
            return [last]
        if rule == "all":
            return list(range(last + 1))
        if rule == "last_function":
            return [self._require_last_function(field)]
        positions = sorted({int(position) for position in rule})
        if not positions or positions[-1] > last:
            raise refuse_field(
                field, list(rule), f"a rule, or one or more positions of 0 to {last}"
            )
        return positions

    def _require_last_function(self, field: str) -> int:
        position = self.last_function
        if position is not None:
            return position
        remedy = 'send "last" or positions as numbers'
        if self.store is None:
            raise refuse_field(
                field, "last_function", f"{remedy}: without a build token classes are unknown"
            )
        raise refuse_field(field, "last_function", f"{remedy}: this prompt has no function token")


def read_prompt(request: TokenizeRequest, served: Backend) -> Prompt:
    """Tokenise and classify. 413: too long; 422: chat without a template, or one that refuses; 503:
    no model.
    """
    loaded = served.live.require()
    check_prompt_chars(request, served.settings)
    try:
        token_ids = loaded.lm.tokenize(request.prompt, chat=request.chat)
    except NoChat as error:
        raise refuse_field("chat", request.chat, f"false: {error}") from error
    except ValueError as error:
        raise refuse_field("prompt", request.prompt, str(error)) from error
    check_prompt_tokens(len(token_ids), served.settings, loaded)
    store = served.build.get()
    rows = served.known.tokens(store, token_ids) if store is not None else {}
    return Prompt(token_ids, _tokens(token_ids, loaded, rows), loaded, store)


def read_one_of(field: str, request: TokenizeRequest, served: Backend) -> Prompt:
    """`read_prompt` of one of several prompts; a 413 or 422 that names which one it is."""
    try:
        return read_prompt(request, served)
    except Refusal as refusal:
        if refusal.status_code == 413:
            raise Refusal(413, f"{field}: {refusal.detail}") from refusal
        if not refusal.errors or refusal.errors[0].field != "prompt":
            raise
        raise refuse_field(field, request.prompt, refusal.errors[0].allowed) from refusal


def with_tokens(prompt: Prompt, more: Sequence[int], known: Known) -> Prompt:
    """The prompt with tokens after it, classified like its own."""
    ids = [*prompt.token_ids, *more]
    rows = known.tokens(prompt.store, ids) if prompt.store is not None else {}
    return replace(prompt, token_ids=ids, tokens=_tokens(ids, prompt.loaded, rows))


def _tokens(token_ids: Sequence[int], loaded: Loaded, known: dict[int, TokenRow]) -> list[Token]:
    rows = []
    for position, token_id in enumerate(token_ids):
        row = known.get(token_id)
        special = token_id in loaded.lm.special_ids
        token_class = "special" if special else row.token_class if row is not None else None
        rows.append(
            {
                "position": position,
                "token_id": token_id,
                "text": loaded.text(token_id),
                "token_class": token_class,
            }
        )
    return _TOKENS.validate_python(rows)


def effective_prompt(request: TokenizeRequest, prompt: Prompt, served: Backend) -> dict[str, Any]:
    """The part of `effective` that every live answer has."""
    return {
        "prompt": request.prompt,
        "chat": request.chat,
        "n_tokens": len(prompt.token_ids),
        "token_classes": "build" if prompt.store is not None else "unknown: there is no build",
        "model": served.preset.title,
        "dtype": str(prompt.loaded.lm.dtype).removeprefix("torch."),
    }
