"""A prompt on its way in: tokenised once,
with the class of every position. Shared by all live routes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from torch import Tensor

from backend.core.lm import NoChat, NoSystem, Turn
from backend.core.lm.chat import Conversation
from backend.core.lm.cost import prefix_bytes
from backend.core.lm.past import Past
from backend.core.lm.prefixes import common_length
from backend.core.steering.prompt import ReadPrompt, residuals
from backend.core.store import Store
from backend.core.store.tokens import TokenRow
from backend.routes.request.known import Known
from backend.routes.request.limits import check_prompt_chars, check_prompt_tokens
from backend.routes.request.problems import Refusal, refuse_field
from backend.routes.request.served import Backend
from backend.schemas import PositionRule, Token, TokenizeRequest
from backend.serving.loading import Loaded

_TOKENS = TypeAdapter(list[Token])


@dataclass(frozen=True)
class Prompt(ReadPrompt):
    """A tokenised prompt. `store` is the build that named the classes, None without one.

    Its prefix is not read unless somebody asks for it.
    """

    tokens: list[Token]
    loaded: Loaded
    store: Store | None

    @property
    def prefix_ids(self) -> list[int]:
        return self.token_ids[: self.prefix_length]

    @property
    def held(self) -> int:
        """Positions that a run of this prompt leaves out, since they were run before."""
        return self.loaded.prefixes.length(self.prefix_ids)

    def past(self) -> Past | None:
        """What was kept of the prefix, which is run now where it was not. Call it in the worker
        thread.
        """
        return self.loaded.prefixes.of(self.prefix_ids)

    def past_bytes(self) -> int:
        """Device memory that running the prefix will take; 0 where it is kept already."""
        kept = self.loaded.prefixes.holds(self.prefix_ids)
        return 0 if kept else prefix_bytes(self.loaded.lm, self.held)

    def residuals(self, layers: Sequence[int]) -> dict[int, Tensor]:
        """[pos, d_model] by layer, from the end of the prefix on. Blocks."""
        return residuals(self.loaded.lm, self, layers, self.past())

    def resolve(self, rule: PositionRule | Sequence[int], field: str) -> list[int]:
        """The prompt positions that `rule` means, ascending;
        a 422 naming `field` when there are none.
        """
        last = len(self.token_ids) - 1
        if rule == "last":
            return [last]
        if rule == "all":
            return list(range(self.prefix_length, last + 1))
        if rule == "last_function":
            return [self._require_last_function(field)]
        positions = sorted({int(position) for position in rule})
        first = self.prefix_length
        if not positions or not first <= positions[0] <= positions[-1] <= last:
            allowed = f"a rule, or one or more positions of {first} to {last}"
            why = (
                f"; the {first} before are the prefix, which is run once, without interventions"
                if first
                else ""
            )
            raise refuse_field(field, list(rule), allowed + why)
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
    if request.prefix and request.chat:
        allowed = (
            "empty when chat is true: write the turns out before the prompt, and send chat false"
        )
        raise refuse_field("prefix", request.prefix, allowed)
    if request.turns and not request.chat:
        sent = f"{len(request.turns)} turns"
        raise refuse_field("turns", sent, "none when chat is false: a plain text has no turns")
    try:
        read = _read(request, loaded)
    except NoSystem as error:
        turn = next(k for k, one in enumerate(request.turns) if one.role == "system")
        raise refuse_field(f"turns.{turn}.role", "system", f"user or assistant: {error}") from error
    except NoChat as error:
        raise refuse_field("chat", request.chat, f"false: {error}") from error
    except ValueError as error:
        raise refuse_field("prompt", request.prompt, str(error)) from error
    prefix_length = (
        common_length(loaded.lm.tokenize(request.prefix), read.token_ids) if request.prefix else 0
    )
    check_prompt_tokens(len(read.token_ids), served.settings, loaded, prefix_length)
    return _classified(read, loaded, served.build.get(), served.known, prefix_length)


def _read(request: TokenizeRequest, loaded: Loaded) -> Conversation:
    """A plain text is a conversation in which no token is a template's."""
    if not request.chat:
        ids = loaded.lm.tokenize(request.prefix + request.prompt)
        return Conversation(ids, [False] * len(ids))
    earlier = [Turn(turn.role, turn.content) for turn in request.turns]
    return loaded.lm.converse([*earlier, Turn("user", request.prompt)])


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
    template = [*(token.template for token in prompt.tokens), *[False] * len(more)]
    return _classified(
        Conversation(ids, template), prompt.loaded, prompt.store, known, prompt.prefix_length
    )


def _classified(
    read: Conversation, loaded: Loaded, store: Store | None, known: Known, prefix_length: int
) -> Prompt:
    token_ids = read.token_ids
    rows = known.tokens(store, token_ids) if store is not None else {}
    tokens = _tokens(read, loaded, rows)
    classes: list[str | None] = [token.token_class for token in tokens]
    classes[:prefix_length] = [None] * prefix_length
    return Prompt(
        token_ids,
        [token.text for token in tokens],
        classes,
        tokens,
        loaded,
        store,
        prefix_length=prefix_length,
        classified=store is not None,
    )


def _tokens(read: Conversation, loaded: Loaded, known: dict[int, TokenRow]) -> list[Token]:
    rows = []
    for position, token_id in enumerate(read.token_ids):
        row = known.get(token_id)
        special = token_id in loaded.lm.special_ids
        token_class = "special" if special else row.token_class if row is not None else None
        rows.append(
            {
                "position": position,
                "token_id": token_id,
                "text": loaded.text(token_id),
                "token_class": token_class,
                "template": read.template[position],
            }
        )
    return _TOKENS.validate_python(rows)


def effective_prompt(request: TokenizeRequest, prompt: Prompt, served: Backend) -> dict[str, Any]:
    """The part of `effective` that every live answer has. A prefix is named where there is one:
    runs without one keep the ids that they had before there were any.
    """
    prefix: dict[str, Any] = (
        {"prefix": request.prefix, "prefix_length": prompt.prefix_length} if request.prefix else {}
    )
    if request.turns:
        prefix["turns"] = [turn.model_dump() for turn in request.turns]
    return prefix | {
        "prompt": request.prompt,
        "chat": request.chat,
        "n_tokens": len(prompt.token_ids),
        "token_classes": "build" if prompt.store is not None else "unknown: there is no build",
        "model": served.preset.title,
        "dtype": str(prompt.loaded.lm.dtype).removeprefix("torch."),
    }
