"""One pass for residuals and next tokens, against the two plain ways to have them."""

import pytest
import torch

from backend.core.lm import LanguageModel, next_tokens, top_next_tokens, unembedding

TEXT = "What is the capital of Russia?\n"


@pytest.mark.parametrize("known", [True, False], ids=["in place", "the family's own forward"])
def test_equals_the_whole_forward(
    lm: LanguageModel, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    if not known:
        monkeypatch.setattr(unembedding, "PLAIN", frozenset())
    ids = lm.tokenize(TEXT)
    plain = lm.forward([ids], [0, 2])
    expected_ids, expected = top_next_tokens(plain.logits[0], 7)
    found = next_tokens.read(lm, ids, [0, 2], 7)
    assert torch.equal(found.token_ids, expected_ids)
    assert torch.allclose(found.probabilities, expected, rtol=1e-5, atol=1e-9)
    for layer in (0, 2):
        assert torch.equal(found.resid[layer], plain.resid[layer][0])
    # nothing of the model was written to
    assert torch.equal(lm.forward([ids]).logits, plain.logits)


def test_without_next_tokens_nothing_is_unembedded(lm: LanguageModel) -> None:
    ids = lm.tokenize(TEXT)
    found = next_tokens.read(lm, ids, [1], 0)
    assert (found.positions, found.token_ids.shape) == ((), (0, 0))
    assert torch.equal(found.resid[1], lm.resid_post([ids], [1])[1][0])


def test_a_layer_that_is_not_there_is_refused(lm: LanguageModel) -> None:
    with pytest.raises(ValueError, match="layer is 99"):
        next_tokens.read(lm, lm.tokenize(TEXT), [99], 3)
