"""The estimate of what live work takes, against what torch really holds while it runs."""

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from backend.core.lm import LanguageModel, unembedding
from backend.core.lm.cost import (
    encoding_bytes,
    generating_bytes,
    past_bytes,
    prefix_bytes,
    reading_bytes,
)
from backend.core.lm.interventions import Intervention
from backend.core.lm.next_tokens import Wanted, read_together
from backend.core.lm.prefixes import Prefixes
from backend.core.patching.map import PatchMap, map_bytes
from backend.core.sae import Sae
from backend.core.sae.together import encode_together
from backend.core.steering.generate import generate_arms
from tests.tiny import tiny_model_dir


class Held(TorchDispatchMode):
    """The most bytes in storages that were made inside, at one time."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: dict[int, int] = {}
        self.most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in (leaf for leaf in tree_leaves(made) if isinstance(leaf, torch.Tensor)):
            storage = tensor.untyped_storage()
            if storage._cdata not in self.alive:
                self.alive[storage._cdata] = storage.nbytes()
                weakref.finalize(storage, self.alive.pop, storage._cdata, None)
        self.most = max(self.most, sum(self.alive.values()))
        return made


def held(work: Callable[[], object]) -> int:
    with torch.inference_mode(), Held() as found:
        kept = work()
    del kept
    return found.most


@pytest.mark.parametrize(("rows", "n", "k"), [(1, 16, 10), (1, 256, 10), (1, 256, 0), (4, 64, 5)])
def test_reading_takes_no_more_than_was_said(lm: LanguageModel, rows: int, n: int, k: int) -> None:
    wanted = [Wanted(torch.randint(3, lm.vocab_size, (n,)).tolist(), [0, 2, 3], k)] * rows
    said = reading_bytes(lm, rows, n, 3, rows * n if k else 0)
    real = held(lambda: read_together(lm, wanted))
    assert real <= said <= 4 * real


@pytest.mark.parametrize(
    ("rows", "n", "k", "past"), [(1, 16, 10, 100), (5, 16, 0, 300), (4, 64, 5, 20)]
)
def test_reading_behind_a_prefix_takes_no_more_than_was_said(
    lm: LanguageModel, rows: int, n: int, k: int, past: int
) -> None:
    ids = torch.randint(3, lm.vocab_size, (past + n,)).tolist()
    before = Prefixes(lm, 0).of(ids[:past])
    said = reading_bytes(lm, rows, n, 3, rows * n if k else 0, past=past)
    real = held(lambda: read_together(lm, [Wanted(ids, [0, 2, 3], k)] * rows, before))
    assert real <= said <= 6 * real


@pytest.mark.parametrize("n", [5, 100, 400])
def test_a_prefix_takes_no_more_than_was_said_and_keeps_just_that(
    lm: LanguageModel, n: int
) -> None:
    ids = torch.randint(3, lm.vocab_size, (n,)).tolist()
    real = held(lambda: Prefixes(lm, 10**9).of(ids))
    assert real <= prefix_bytes(lm, n) <= 6 * real
    made = Prefixes(lm, 10**9).of(ids)
    assert made is not None
    assert made.n_bytes == past_bytes(lm, n)
    assert prefix_bytes(lm, 0) == 0


def test_logits_are_held_a_few_positions_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vocabulary of 20,000: 64 positions of logits are 5 MB, 8 positions 0.6."""
    wide = LanguageModel.load(tiny_model_dir(tmp_path, vocab_size=20_000))
    ids = torch.randint(3, 20_000, (64,)).tolist()
    whole = read_together(wide, [Wanted(ids, [0], 3)])[0]
    loss = wide.per_token_loss([ids])
    monkeypatch.setattr(unembedding, "AT_ONCE", 8 * wide.vocab_size)
    said = reading_bytes(wide, 1, 64, 1, 64)
    assert (
        held(lambda: read_together(wide, [Wanted(ids, [0], 3)])) <= said < 64 * wide.vocab_size * 4
    )
    assert held(lambda: wide.per_token_loss([ids])) < 64 * wide.vocab_size * 4
    again = read_together(wide, [Wanted(ids, [0], 3)])[0]
    assert torch.equal(again.token_ids, whole.token_ids)
    torch.testing.assert_close(again.probabilities, whole.probabilities)
    torch.testing.assert_close(wide.per_token_loss([ids]), loss)


def test_encoding_takes_no_more_than_was_said(lm: LanguageModel, saes: dict[str, Sae]) -> None:
    resid = lm.resid_post([torch.randint(3, lm.vocab_size, (200,)).tolist()], [2])[2][0]
    said = encoding_bytes([saes["layer_2"]], 2 * len(resid), on_cpu=False)
    real = held(lambda: encode_together(saes["layer_2"], [(resid, 0.0), (resid, 0.0)]))
    assert real <= said


def test_generating_takes_no_more_than_was_said(lm: LanguageModel, saes: dict[str, Sae]) -> None:
    ids = torch.randint(3, lm.vocab_size, (100,)).tolist()
    arms = [[], [Intervention.on_feature(saes["layer_0"], 3, "add", 4.0, positions=(0,))]]
    said = generating_bytes(lm, 2, 3, len(ids), 8)
    real = held(
        lambda: list(generate_arms(lm, ids, arms, max_new_tokens=8, temperature=1.0, samples=3))
    )
    assert real <= said <= 4 * real


@pytest.mark.parametrize(("n", "behind"), [(64, 3), (64, 40), (200, 12)])
def test_patching_takes_no_more_than_was_said(lm: LanguageModel, n: int, behind: int) -> None:
    b = torch.randint(3, lm.vocab_size - 1, (n,)).tolist()
    a = [*b[:-behind], b[-behind] + 1, *b[n - behind + 1 :]]
    sets = {"all": range(n - behind, n), "first": [n - behind]}
    said = map_bytes(lm, n, behind, len(sets))

    def work() -> list[object]:
        made = PatchMap(lm, a, b, answer_a=5, answer_b=6, sets=sets, unrelated=b)
        return [made, next(made.rows()), next(made.unrelated_rows())]

    real = held(work)
    assert real <= said <= 4 * real


def test_longer_prompts_more_saes_and_next_tokens_cost_more(
    lm: LanguageModel, saes: dict[str, Sae]
) -> None:
    assert (
        reading_bytes(lm, 1, 32, 1, 0)
        < reading_bytes(lm, 1, 64, 1, 0)
        < reading_bytes(lm, 1, 64, 1, 6400)
    )
    one, all_of_them = [saes["layer_2"]], list(saes.values())
    assert encoding_bytes([], 9, on_cpu=True) == 0
    assert encoding_bytes(one, 9, on_cpu=True) < encoding_bytes(all_of_them, 9, on_cpu=True)
    assert encoding_bytes(one, 9, on_cpu=False) < encoding_bytes(one, 9, on_cpu=True)
