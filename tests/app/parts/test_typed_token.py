"""What a typed token means: every spelling of it, the more frequent one first."""

import pytest

from app.parts.typed_token import asked_of, meant
from backend.schemas import TokenRow


def row(token_id: int, text: str, occurrences: int) -> TokenRow:
    return TokenRow(
        token_id=token_id,
        text=text,
        token_class="content",
        occurrences=occurrences,
        documents=1,
        document_coverage=0.5,
        rank=token_id,
        share=0.1,
        cumulative=0.1,
    )


FOUND = [row(1, "Russia", 3), row(2, " Russia", 340), row(3, " Russian", 900), row(4, " russia", 9)]


@pytest.mark.parametrize(
    ("typed", "ids"),
    [
        ("Russia", [2, 1]),
        ("·Russia", [2]),
        (" Russia", [2]),
        ("russia", [4]),
        ("#3", [3]),
        ("#", []),
        ("Rus", []),
    ],
)
def test_both_spellings_are_meant_where_no_space_is_typed(typed: str, ids: list[int]) -> None:
    assert [one.token_id for one in meant(FOUND, typed)] == ids


def test_what_is_asked_finds_all_of_them() -> None:
    assert [asked_of(typed) for typed in ("Russia", "·Russia", "↵", "#201", "#")] == [
        "Russia",
        " Russia",
        "\n",
        "201",
        "#",
    ]
