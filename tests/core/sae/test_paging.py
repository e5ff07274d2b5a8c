"""SAEs under a budget answer as they do without one;
what moves, what stays, and what cannot fit.
"""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention
from backend.core.memory import DoesNotFit
from backend.core.sae import Firings, Sae
from backend.core.sae.paging import PagedSae, Pager
from tests.tiny import D_MODEL, D_SAE, tiny_sae_dir

ENCODER = D_MODEL * D_SAE * 4  # bytes


def paged(folder: Path, pager: Pager, dtype: torch.dtype = torch.float32) -> PagedSae:
    return PagedSae.paged(folder, pager, device="cpu", dtype=dtype, sae_id=folder.name)


def resid(n: int = 40) -> torch.Tensor:
    return 4.0 * torch.randn(n, D_MODEL, generator=torch.Generator().manual_seed(0))


def equal(found: Firings, expected: Firings) -> bool:
    assert len(expected) > 0
    names = ("position", "feature_index", "activation")
    return all(torch.equal(getattr(found, name), getattr(expected, name)) for name in names)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("architecture", ["jumprelu", "topk"])
def test_a_paged_sae_answers_as_a_loaded_one(
    tmp_path: Path, architecture: str, dtype: torch.dtype
) -> None:
    folder = tiny_sae_dir(tmp_path, 0, architecture=architecture)
    whole, sae = Sae.load(folder, dtype=dtype), paged(folder, Pager(ENCODER), dtype)
    for _ in range(2):  # moved in, and found there
        assert equal(sae.encode(resid(), theta=0.5), whole.encode(resid(), theta=0.5))
    sae.move_out()
    sae = paged(folder, Pager(ENCODER), dtype)
    assert torch.equal(sae.encode_dense(resid()), whole.encode_dense(resid()))
    assert torch.equal(sae.decoder_rows([5, 0, 5]), whole.decoder_rows([5, 0, 5]))
    assert sae.decoder_rows([]).shape == (0, D_MODEL)
    firings = whole.encode(resid())
    assert torch.equal(sae.decode(firings, 40), whole.decode(firings, 40))
    feature = int(firings.feature_index[0])
    close = {"rtol": 1e-2 if dtype is torch.bfloat16 else 1e-5, "atol": 1e-5}
    for read in (sae.reader(feature), lambda x: sae.feature_activation(x, feature)):
        assert torch.allclose(read(resid()), whole.feature_activation(resid(), feature), **close)
    with pytest.raises(ValueError, match="feature_index is 96"):
        sae.reader(D_SAE)


def test_the_one_unused_for_longest_moves_out(tiny_folder: Path) -> None:
    pager = Pager(2 * ENCODER)
    a, b, c = (paged(tiny_folder / "saes" / f"layer_{layer}", pager) for layer in (0, 2, 3))
    inside: Callable[[], list[bool]] = lambda: [sae.W_enc.shape[1] > 0 for sae in (a, b, c)]  # noqa: E731
    assert (inside(), pager.held) == ([False] * 3, 0)
    for sae, expected in (
        (a, [1, 0, 0]),
        (b, [1, 1, 0]),
        (a, [1, 1, 0]),
        (c, [1, 0, 1]),
        (b, [0, 1, 1]),
    ):
        sae.encode(resid(3))
        assert inside() == [bool(one) for one in expected]
        assert pager.held == sum(expected) * ENCODER <= pager.budget
    assert pager.moves == 4


def test_an_encoder_in_use_stays_and_others_wait_for_it(tiny_folder: Path) -> None:
    pager = Pager(ENCODER)
    a, b = (paged(tiny_folder / "saes" / f"layer_{layer}", pager) for layer in (0, 2))
    done = threading.Event()
    other = threading.Thread(target=lambda: (b.encode(resid(3)), done.set()))
    with pager.holding(a):
        other.start()
        assert not done.wait(0.1)
        assert a.W_enc.shape[1] == D_SAE
        a.encode(resid(3))  # again, while somebody waits
    assert done.wait(5)
    other.join()
    assert (a.W_enc.shape[1], b.W_enc.shape[1]) == (0, D_SAE)


def test_threads_that_share_a_small_budget_get_right_answers(tiny_folder: Path) -> None:
    pager, folders = (
        Pager(2 * ENCODER),
        [tiny_folder / "saes" / f"layer_{layer}" for layer in (0, 2, 3)],
    )
    saes, expected = (
        [paged(folder, pager) for folder in folders],
        [Sae.load(one).encode(resid()) for one in folders],
    )
    wrong: list[int] = []

    def work(first: int) -> None:
        for n in range(first, first + 60):
            if not equal(saes[n % 3].encode(resid()), expected[n % 3]) or pager.held > pager.budget:
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    assert pager.moves > 3


def test_one_that_is_larger_than_the_budget_is_refused_with_both_numbers(tiny_folder: Path) -> None:
    with pytest.raises(
        DoesNotFit,
        match=r"SAE layer_0 needs 12\.3 kB on cpu, where 12\.0 kB are there for SAEs: use",
    ):
        paged(tiny_folder / "saes" / "layer_0", Pager(12_000))


def test_a_failed_move_leaves_the_budget_as_it_was(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pager = Pager(ENCODER)
    a, b = (paged(tiny_folder / "saes" / f"layer_{layer}", pager) for layer in (0, 2))
    a.encode(resid(3))
    with monkeypatch.context() as broken:
        broken.setattr(b, "move_in", lambda: (_ for _ in ()).throw(OSError("gone")))
        with pytest.raises(OSError, match="gone"):
            b.encode(resid(3))
    assert pager.held == 0
    b.encode(resid(3))
    a.encode(resid(3))


def test_steering_with_a_paged_sae_moves_it_once(lm: LanguageModel, tiny_folder: Path) -> None:
    pager = Pager(ENCODER)
    a, b = (paged(tiny_folder / "saes" / f"layer_{layer}", pager) for layer in (0, 2))
    whole = [Sae.load(tiny_folder / "saes" / f"layer_{layer}") for layer in (0, 2)]
    ids = [lm.tokenize("The cat sat on the mat.\n")]

    def steered(saes: list[Sae]) -> torch.Tensor:
        edits = [Intervention.on_feature(sae, 3, "clamp", 6.0, positions=(2, 5)) for sae in saes]
        with lm.intervening([edits], prompt_length=len(ids[0])):
            return lm.forward(ids).logits

    assert torch.allclose(steered([a, b]), steered(whole), atol=1e-4)
    assert pager.moves == 2
