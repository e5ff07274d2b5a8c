"""The prefix that several test files read behind."""

import pytest

from backend.core.lm import LanguageModel
from tests.api.live.prefix_case import PREFIX, WHOLE
from tests.tiny import SLIDING_WINDOW


@pytest.fixture(scope="session")
def n(lm: LanguageModel) -> int:
    """Positions of the prefix: past the sliding window, its tokens those of the whole text."""
    ids = lm.tokenize(PREFIX)
    assert lm.tokenize(WHOLE)[: len(ids)] == ids
    assert len(ids) > 2 * SLIDING_WINDOW
    return len(ids)
