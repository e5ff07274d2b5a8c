"""The coverage page's sentences, from answers small enough to read."""

import pytest

from app.pages.coverage.words import headline
from backend.schemas import CoverageResponse


@pytest.mark.parametrize(
    ("theta", "min_count", "words"),
    [
        (0.0, 1, "This build stores no comparison with content tokens"),
        (0.0, 2, "comparison with content tokens at θ 0 and one firing an edge alone"),
        (1.5, 1, "comparison with content tokens at θ 0 and one firing an edge alone"),
    ],
)
def test_a_headline_without_a_control_says_whether_another_setting_has_one(
    theta: float, min_count: int, words: str
) -> None:
    effective = {"theta": theta, "min_count": min_count, "denominator": "active"}
    answer = CoverageResponse(rows=[], n_active=4, d_sae=8, contrast=[], effective=effective)
    assert words in str(headline(3, answer)[0])
