"""Tokens of a build as the wire refers to them, each written once."""

import json

from hypothesis import given
from hypothesis import strategies as st

from backend.routes.browse.refs import refs_json
from backend.schemas import TokenRef
from tests.core.store.test_token_table import CASES, CLASSES, table_of, texts


@given(texts, st.lists(st.integers(-1, 30), max_size=9))
@CASES
def test_tokens_are_written_as_the_wire_has_them(words: list[str], wanted: list[int]) -> None:
    known = {3 + 2 * i: (word, CLASSES[2 if i < 2 else i % 2]) for i, word in enumerate(words)}
    refs = [
        TokenRef(token_id=i, text=known[i][0], token_class=known[i][1])  # type: ignore[arg-type]
        for i in wanted
        if i in known
    ]
    assert json.loads(refs_json(table_of(words), wanted)) == [ref.model_dump() for ref in refs]


def test_another_build_is_written_anew() -> None:
    for word in ("a", "b", "a"):
        assert json.loads(refs_json(table_of([word]), [3]))[0]["text"] == word
