"""On the real model, few-shot examples run once and then gone on from are the whole prompt: behind
44 tokens and behind more than the sliding window's 512, in one arm and in five.
"""

import pytest
import torch

from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention
from backend.core.lm.next_tokens import read
from backend.core.lm.prefixes import Prefixes, common_length
from backend.core.steering.generate import generate_arms
from backend.core.steering.prefill import prefill

PAIRS = (("France", "Paris"), ("Japan", "Tokyo"), ("Egypt", "Cairo"), ("Peru", "Lima"))
FEW_SHOT = "".join(f"What is the capital of {place}?\n{city}\n\n" for place, city in PAIRS)
PROMPT = "What is the capital of Germany?\n"
WITHIN = 5e-4  # log-probabilities, float32, another order of sums


@pytest.fixture(scope="module", params=[1, 14], ids=["few-shot", "past the sliding window"])
def prompt(gemma: LanguageModel, request: pytest.FixtureRequest) -> tuple[list[int], int]:
    """(ids of the whole, positions of the prefix)."""
    prefix = FEW_SHOT * request.param
    ids = gemma.tokenize(prefix + PROMPT)
    n = common_length(gemma.tokenize(prefix), ids)
    assert n == len(gemma.tokenize(prefix))
    assert (n > gemma.model.config.sliding_window) == (request.param > 1)
    return ids, n


def arms(gemma: LanguageModel, length: int) -> list[list[Intervention]]:
    """Five: the baseline, and a push of three times the residual's usual size in four ways."""
    generator = torch.Generator().manual_seed(0)
    direction = torch.randn(gemma.d_model, generator=generator)
    direction /= direction.norm()

    def push(layer: int, size: float, position: int, after: bool = False) -> list[Intervention]:
        one = Intervention.on_direction(
            layer, direction, size, positions=(position,), include_generated=after
        )
        return [one]

    last = length - 1
    return [
        [],
        push(12, 9000.0, last),
        push(12, -9000.0, last),
        push(4, 3000.0, last - 3),
        push(9, 3000.0, last, after=True),
    ]


def test_residuals_and_next_tokens(gemma: LanguageModel, prompt: tuple[list[int], int]) -> None:
    ids, n = prompt
    past = Prefixes(gemma, 0).of(ids[:n])
    whole, found = read(gemma, ids, [4, 12], 10), read(gemma, ids, [4, 12], 10, past=past)
    for layer in (4, 12):
        size = whole.resid[layer][n:].norm(dim=-1)
        off = (found.resid[layer] - whole.resid[layer][n:]).norm(dim=-1)
        assert float((off / size).max()) < 1e-4
    assert torch.equal(found.token_ids[:, 0], whole.token_ids[n:, 0])
    assert float((found.probabilities - whole.probabilities[n:]).abs().max()) < WITHIN


@pytest.mark.parametrize("n_arms", [1, 5])
def test_arms_and_what_they_write(
    gemma: LanguageModel, prompt: tuple[list[int], int], n_arms: int
) -> None:
    """Token for token the same texts; probabilities of every token too."""
    ids, n = prompt
    wanted = arms(gemma, len(ids))[:n_arms]
    past = Prefixes(gemma, 0).of(ids[:n])
    whole, start = prefill(gemma, ids, wanted), prefill(gemma, ids, wanted, past=past)
    likely = whole.log_probs > -10
    off = (start.log_probs - whole.log_probs)[likely].abs()
    assert float(off.max()) < WITHIN
    expected, found = (
        list(generate_arms(gemma, ids, wanted, max_new_tokens=6, until=["\n"], start=one))
        for one in (whole, start)
    )
    assert [(s.arm, s.token_id, s.text) for s in found] == [
        (s.arm, s.token_id, s.text) for s in expected
    ]
    for one, other in zip(found, expected, strict=True):
        assert one.probability == pytest.approx(other.probability, abs=WITHIN)


def test_an_answer_ends_before_the_next_question(
    gemma: LanguageModel, prompt: tuple[list[int], int]
) -> None:
    ids, n = prompt
    past = Prefixes(gemma, 0).of(ids[:n])
    steps = list(generate_arms(gemma, ids, [[]], max_new_tokens=12, until=["\n"], past=past))
    assert "".join(step.text for step in steps) == "Berlin"


def test_what_is_kept_is_what_was_said(gemma: LanguageModel, prompt: tuple[list[int], int]) -> None:
    """36,864 bytes a token up to the window, a sixth of that beyond it: 15 of 18 layers slide."""
    ids, n = prompt
    past = Prefixes(gemma, 0).of(ids[:n])
    assert past is not None
    window = gemma.model.config.sliding_window - 1
    assert past.n_bytes == 2 * 256 * 4 * (15 * min(n, window) + 3 * n)
