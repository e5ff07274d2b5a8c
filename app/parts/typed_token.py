"""What somebody means who types a token. Pure.

A word has two spellings in most vocabularies, with the space before it and without: both are meant
where no space is typed, and the more frequent one comes first.
"""

from __future__ import annotations

from collections.abc import Sequence

from backend.schemas import TokenRow


def typed_text(typed: str) -> str:
    """What somebody means by a token as this product writes it:
    `↵` is a newline, a leading `·` a space.
    """
    text = typed.replace("↵", "\n").replace("⇥", "\t").replace("\\n", "\n").replace("\\t", "\t")
    return " " + text[1:] if text.startswith("·") else text


def asked_of(typed: str) -> str:
    """The `q` of GET /api/tokens that finds every spelling; `#201` asks for the id."""
    return typed[1:] if _is_id(typed) else typed_text(typed)


def meant(found: Sequence[TokenRow], typed: str) -> list[TokenRow]:
    """Of these tokens the ones that are what was typed, most frequent first."""
    if _is_id(typed):
        return [one for one in found if str(one.token_id) == typed[1:]]
    text = typed_text(typed)
    spellings = (text,) if text.startswith(" ") else (text, f" {text}")
    exact = [one for one in found if one.text in spellings]
    return sorted(exact, key=lambda one: (-one.occurrences, one.token_id))


def _is_id(typed: str) -> bool:
    return typed.startswith("#") and typed[1:].isdecimal()
