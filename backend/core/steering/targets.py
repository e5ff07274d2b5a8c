"""What a text is judged by: a next token, a pattern, or the script of a language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import regex
from torch import Tensor

SEARCH_SECONDS = 0.2  # a pattern such as (a+)+$ could run for ever
HAN, LATIN = regex.compile(r"\p{Han}"), regex.compile(r"\p{Latin}")


class Target(Protocol):
    """How far a continuation shows what is looked for: 0 to 1."""

    @property
    def needs_text(self) -> bool:
        """Whether it is judged by the text, not by the next-token distribution alone."""
        ...

    def value(self, log_probs: Tensor, text: str) -> float:
        """`log_probs` [vocab], nats, of the token after the prompt; `text` the continuation."""
        ...

    def shown(self, token_ids: Sequence[int], text: str) -> bool:
        """Yes or no, for a greedy answer: a token target is shown when it is the first token."""
        ...


@dataclass(frozen=True)
class TokenTarget:
    """The probability of one next token."""

    token_id: int
    needs_text = False

    def value(self, log_probs: Tensor, text: str) -> float:
        return float(log_probs[self.token_id].exp())

    def shown(self, token_ids: Sequence[int], text: str) -> bool:
        return list(token_ids[:1]) == [self.token_id]


@dataclass(frozen=True)
class RegexTarget:
    """1 when the pattern is found in the text.

    ValueError for a pattern that is none, or takes too long.
    """

    pattern: str
    needs_text = True

    @cached_property
    def compiled(self) -> regex.Pattern[str]:
        try:
            return regex.compile(self.pattern)
        except regex.error as error:
            raise ValueError(f"pattern is no regular expression: {error}") from error

    def value(self, log_probs: Tensor, text: str) -> float:
        return float(self.shown((), text))

    def shown(self, token_ids: Sequence[int], text: str) -> bool:
        try:
            return self.compiled.search(text, timeout=SEARCH_SECONDS) is not None
        except TimeoutError:
            raise ValueError(
                f"pattern took more than {SEARCH_SECONDS} s on a text of {len(text)} characters: "
                "use a simpler one"
            ) from None


@dataclass(frozen=True)
class LanguageTarget:
    """1 when the text is in the script of the language and in no other:
    zh = Han without Latin letters.
    """

    language: Literal["zh", "en"]
    needs_text = True

    def value(self, log_probs: Tensor, text: str) -> float:
        return float(self.shown((), text))

    def shown(self, token_ids: Sequence[int], text: str) -> bool:
        wanted, other = (HAN, LATIN) if self.language == "zh" else (LATIN, HAN)
        return wanted.search(text) is not None and other.search(text) is None
