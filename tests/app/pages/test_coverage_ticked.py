"""The tokens ticked on the coverage page: how they are read, and which requests they make."""

import pytest

from app.pages.coverage.shared import codes_of_ticked, read_tokens


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
