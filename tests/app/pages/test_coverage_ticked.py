"""The tokens ticked on the coverage page: how they are read, and which requests they make."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.api import ApiClient
from app.pages.coverage.shared import codes_of_ticked, read_tokens, shared_shown
from app.pages.coverage.state import CoverageState
from backend.schemas.statistics import IntersectionsResponse


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (None, []),
        ("", []),
        ("7", [7]),
        ("7,3,7", [7, 3]),
        ("7,x", []),
        ("-1", []),
        (",".join(map(str, range(20))), list(range(12))),
    ],
)
def test_ticked_tokens_are_read_from_the_address(asked: str | None, found: list[int]) -> None:
    assert read_tokens(asked) == found


def test_the_snippet_of_shared_features_is_there_once_two_tokens_are_ticked() -> None:
    state = {"sae": "layer_0", "min_count": "1"}
    for tokens in ([], [3]):
        assert codes_of_ticked(None, state, tokens)[2:] == ["", ""]
        assert "/api/rarefaction" in codes_of_ticked(None, state, tokens)[0]
    assert "token_ids=3%2C5" in codes_of_ticked(None, state, [3, 5])[2]


class Listing:
    """An API whose build lists edges from two firings on."""

    async def capabilities(self) -> Any:
        return SimpleNamespace(build=SimpleNamespace(edges_from=2))

    async def intersections(self, sae_id: str, token_ids: str, min_count: int) -> Any:
        assert min_count >= 2, "the API refuses fewer, in its own words"
        return IntersectionsResponse(
            tokens=[],
            degrees=[],
            union=0,
            n_active=4,
            intersections=[],
            effective={"min_count": min_count},
        )


def test_what_the_build_does_not_list_is_said_in_the_words_of_the_page() -> None:
    def note(min_count: str) -> str:
        state = {"sae": "layer_0", "theta": "0", "min_count": min_count}
        made = shared_shown(cast(ApiClient, Listing()), state, [3, 5], frozenset(), "light")
        return str(asyncio.run(made)[1])

    control = CoverageState.__dataclass_fields__["min_count"].metadata["setting"].label
    assert f"“{control}” is 1." in note("1")
    assert "from 2 firings an edge on" in note("1")
    assert "choose 2 or more above" in note("1")
    assert "2 firings an edge" in note("2")
    assert "choose" not in note("2")
