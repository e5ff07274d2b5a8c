"""Going on from a prefix that was run once, against running the whole prompt: beyond the sliding
window too.
"""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention
from backend.core.lm.next_tokens import Wanted, read, read_together
from backend.core.lm.past import Past, begin
from backend.core.lm.prefixes import Prefixes, common_length
from tests.tiny import SLIDING_WINDOW, tiny_model_dir, tiny_tokenizer

TEXT = (
    "The dog sat by the door, and the cat on the mat.\n" * 2
    + "What is the capital of Russia?\nMoscow.\n\nThe cat sat on the mat.\n\n"
    + "What is the capital of the UK?\n"
)
SUFFIX = 9
PREFIXES = (2, 3, SLIDING_WINDOW - 1, SLIDING_WINDOW, SLIDING_WINDOW + 1, 3 * SLIDING_WINDOW + 2)


@pytest.fixture(scope="module")
def ids(lm: LanguageModel) -> list[int]:
    ids = lm.tokenize(TEXT)
    assert len(ids) > max(PREFIXES) + SLIDING_WINDOW
    return ids


def past_of(lm: LanguageModel, ids: list[int]) -> Past:
    found = Prefixes(lm, 0).of(ids)
    assert found is not None
    return found


def assert_same(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("n", PREFIXES)
def test_residuals_and_next_tokens_are_those_of_the_whole_prompt(
    lm: LanguageModel, ids: list[int], n: int
) -> None:
    for suffix in (1, 2, SUFFIX):
        prompt = ids[: n + suffix]
        whole = read(lm, prompt, [0, 3], 5)
        found = read(lm, prompt, [0, 3], 5, past=past_of(lm, ids[:n]))
        assert (found.first, found.positions) == (n, tuple(range(n, n + suffix)))
        for layer in (0, 3):
            assert_same(found.resid[layer], whole.resid[layer][n:])
            assert_same(
                lm.resid_post([prompt[n:]], [layer], past=past_of(lm, ids[:n]))[layer][0],
                found.resid[layer],
            )
        assert torch.equal(found.token_ids, whole.token_ids[n:])
        assert_same(found.probabilities, whole.probabilities[n:])


@pytest.mark.parametrize("n", PREFIXES)
def test_rows_of_a_batch_go_on_apart(lm: LanguageModel, ids: list[int], n: int) -> None:
    """Three prompts of other lengths and other words behind one prefix, padded in one forward."""
    prompts = [ids[: n + SUFFIX], [*ids[:n], *reversed(ids[n : n + 3])], [*ids[:n], ids[1]]]
    wanted = [Wanted(prompt, [0, 2], k) for prompt, k in zip(prompts, (3, 0, 6), strict=True)]
    for one, found in zip(wanted, read_together(lm, wanted, past_of(lm, ids[:n])), strict=True):
        whole = read(lm, one.token_ids, one.layers, one.k)
        for layer in one.layers:
            assert_same(found.resid[layer], whole.resid[layer][n:])
        assert torch.equal(found.token_ids, whole.token_ids[n:] if one.k else whole.token_ids)


def test_a_run_leaves_the_prefix_as_it_was(lm: LanguageModel, ids: list[int]) -> None:
    n = 2 * SLIDING_WINDOW
    past = past_of(lm, ids[:n])
    before = [(layer.keys.clone(), layer.values.clone()) for layer in past.cache.layers]
    first = read(lm, ids[: n + 4], [3], 3, past=past)
    read(lm, [*ids[:n], 5, 6, 7, 8], [3], 3, past=past)
    past.begin(5).batch_select_indices(torch.tensor([0, 0]))
    again = read(lm, ids[: n + 4], [3], 3, past=past)
    assert torch.equal(first.resid[3], again.resid[3])
    for layer, (keys, values) in zip(past.cache.layers, before, strict=True):
        assert torch.equal(layer.keys, keys)
        assert torch.equal(layer.values, values)


def test_only_the_window_is_kept_of_a_sliding_layer(lm: LanguageModel, ids: list[int]) -> None:
    """2 heads of 8 float32, keys and values: 128 bytes a position and layer; every other layer
    slides.
    """
    n = 3 * SLIDING_WINDOW
    past = past_of(lm, ids[:n])
    assert past.n_bytes == 128 * (2 * (SLIDING_WINDOW - 1) + 2 * n)
    held = sum(layer.keys.untyped_storage().nbytes() for layer in past.cache.layers)
    assert 2 * held == past.n_bytes  # and no more behind a view


def test_a_past_of_other_tokens_is_refused(lm: LanguageModel, ids: list[int]) -> None:
    past = past_of(lm, ids[:6])
    for prompt in (ids[:6], ids[:3], [*ids[:5], 9, 9, 9]):
        with pytest.raises(ValueError, match="does not go on from the 6 tokens"):
            read(lm, prompt, [0], 1, past=past)
    with pytest.raises(ValueError, match="allowed: 6 to 8"):
        read_together(lm, [Wanted(ids[:9], [], 1, [2])], past)


def test_asked_positions_alone_are_unembedded(lm: LanguageModel, ids: list[int]) -> None:
    whole = read(lm, ids, [2], 4)
    found = read_together(lm, [Wanted(ids, [2], 4, [7, 3, 3])])[0]
    assert found.positions == (3, 7)
    assert torch.equal(found.token_ids, whole.token_ids[[3, 7]])
    assert_same(found.probabilities, whole.probabilities[[3, 7]])
    assert torch.equal(found.resid[2], whole.resid[2])


def test_prefixes_are_kept_by_their_tokens_the_oldest_forgotten_first(
    lm: LanguageModel, ids: list[int]
) -> None:
    one = past_of(lm, ids[:6]).n_bytes
    prefixes = Prefixes(lm, 2 * one)
    texts = [ids[:6], [*ids[:5], 9], [*ids[:4], 9, 9]]
    first = prefixes.of(texts[0])
    assert prefixes.of(texts[0]) is first
    prefixes.of(texts[1])
    assert prefixes.of(texts[0]) is first  # used again: the other one goes first
    prefixes.of(texts[2])
    assert [prefixes.holds(text) for text in texts] == [True, False, True]
    assert prefixes.n_bytes == 2 * one
    assert (prefixes.of(ids[:1]), prefixes.length(ids[:1])) == (None, 0)  # BOS alone
    assert prefixes.length(ids[:2]) == 2
    assert (
        past_of(lm, ids[:7]).begin().get_seq_length() == 7
    )  # with no room it is run, and not kept


def test_a_prefix_is_never_run_with_an_intervention(lm: LanguageModel, ids: list[int]) -> None:
    edit = Intervention.on_direction(0, torch.ones(lm.d_model), 9.0, positions=(1,))
    with (
        lm.intervening([[edit]], prompt_length=6),
        pytest.raises(ValueError, match="without interventions"),
    ):
        Prefixes(lm, 10**9).of(ids[:6])


SMALL = {"vocab_size": 335, "bos_token_id": 2, "eos_token_id": 1}
OTHERS = [
    LlamaForCausalLM(
        LlamaConfig(hidden_size=32, num_hidden_layers=3, num_attention_heads=4, **SMALL)
    ),
    GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=3, n_head=4, **SMALL)),
]


@pytest.mark.parametrize("model", OTHERS, ids=lambda model: type(model).__name__)
def test_other_structures_go_on_likewise(model) -> None:
    lm = LanguageModel(model, tiny_tokenizer())
    ids = list(range(3, 40))
    whole = read(lm, ids, [0, 2], 3)
    found = read(lm, ids, [0, 2], 3, past=past_of(lm, ids[:20]))
    for layer in (0, 2):
        assert_same(found.resid[layer], whole.resid[layer][20:])
    assert torch.equal(found.token_ids, whole.token_ids[20:])


def test_a_cache_that_cannot_be_shared_means_running_the_whole(tmp_path, monkeypatch) -> None:
    other = LanguageModel.load(tiny_model_dir(tmp_path))
    assert Prefixes(other, 10**9).of([2, 3, 4]) is not None
    monkeypatch.setattr("backend.core.lm.past.SHAREABLE", ())
    assert Prefixes(other, 10**9).of([2, 3, 4]) is None
    assert Prefixes(other, 10**9).length([2, 3, 4]) == 0


def test_the_tokens_of_a_prefix_are_those_that_the_whole_text_has_too(lm: LanguageModel) -> None:
    """A token over the boundary is the prompt's; never more than the prefix has."""
    assert common_length([2, 5, 6], [2, 5, 6, 7]) == 3
    assert common_length([2, 5, 6], [2, 5, 9, 7]) == 2
    assert common_length([2, 5, 6], [2, 5]) == 2
    prefix, prompt = "What is the cap", "ital of Russia?\n"
    whole = lm.tokenize(prefix + prompt)
    n = common_length(lm.tokenize(prefix), whole)
    assert n < len(lm.tokenize(prefix))
    assert lm.decode(whole[1:n]) == "What is the"
    assert common_length(lm.tokenize("Moscow.\n"), lm.tokenize("Moscow.\nWhat")) == len(
        lm.tokenize("Moscow.\n")
    )


def test_without_a_past_the_cache_is_empty(lm: LanguageModel) -> None:
    assert begin(lm.model, None).get_seq_length() == 0
