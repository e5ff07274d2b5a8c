"""LanguageModel against transformers' own hidden states and losses, on a tiny random Gemma 2."""

from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
)

from backend.core.hub import ModelUnavailable
from backend.core.lm import LanguageModel, top_next_tokens
from tests.tiny import BOS, EOS, N_LAYERS, PAD, tiny_model_dir, tiny_tokenizer

TEXT = "What is the capital of Russia?\nThe cat sat on the mat."
SMALL = {"vocab_size": 335, "max_position_embeddings": 64}
OTHERS = [
    GPT2LMHeadModel(GPT2Config(vocab_size=335, n_positions=64, n_embd=32, n_layer=3, n_head=4)),
    GPTNeoXForCausalLM(
        GPTNeoXConfig(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=3,
            num_attention_heads=4,
            **SMALL,
        )
    ),
    LlamaForCausalLM(
        LlamaConfig(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            **SMALL,
        )
    ),
]


def test_every_layer_equals_transformers_hidden_states(
    lm: LanguageModel, tiny_folder: Path
) -> None:
    plain = AutoModelForCausalLM.from_pretrained(tiny_folder / "model").eval()
    ids = torch.tensor([lm.tokenize(TEXT)])
    last = {}
    plain.model.layers[-1].register_forward_hook(lambda m, a, output: last.update(resid=output))
    with torch.inference_mode():
        hidden = plain(ids, output_hidden_states=True).hidden_states
    early = lm.resid_post(ids, range(N_LAYERS))
    whole = lm.forward(ids, range(N_LAYERS)).resid
    for layer in range(N_LAYERS):
        expected = hidden[layer + 1] if layer < N_LAYERS - 1 else last["resid"]
        assert torch.equal(early[layer], expected)
        assert torch.equal(whole[layer], expected)
    assert not torch.allclose(early[N_LAYERS - 1], hidden[-1])  # that one is after the final norm


def test_stops_after_the_deepest_layer(lm: LanguageModel) -> None:
    ran: list[int] = []
    hooks = [
        layer.register_forward_pre_hook(lambda m, a, i=i: ran.append(i))
        for i, layer in enumerate(lm.layers)
    ]
    hooks.append(lm.model.lm_head.register_forward_pre_hook(lambda m, a: ran.append(99)))
    try:
        assert set(lm.resid_post([[BOS, 5]], [1, 0])) == {0, 1}
        assert ran == [0, 1]
    finally:
        for hook in hooks:
            hook.remove()
    assert lm.resid_post([[BOS, 5]], []) == {}


def test_left_padding_changes_nothing(lm: LanguageModel) -> None:
    ids = lm.tokenize("The cat sat on the mat, and the dog sat by the door.")
    padded = [PAD] * 3 + ids
    mask = torch.tensor([[0] * 3 + [1] * len(ids)])
    alone = lm.resid_post([ids], [N_LAYERS - 1])[N_LAYERS - 1]
    beside = lm.resid_post([padded], [N_LAYERS - 1], attention_mask=mask)[N_LAYERS - 1]
    torch.testing.assert_close(beside[:, 3:], alone, atol=1e-5, rtol=1e-5)
    logits = lm.forward([padded], attention_mask=mask).logits[:, 3:]
    torch.testing.assert_close(logits, lm.forward([ids]).logits, atol=1e-4, rtol=1e-5)


def test_per_token_loss_is_transformers_loss(lm: LanguageModel) -> None:
    ids = torch.tensor([lm.tokenize(TEXT)])
    loss = lm.per_token_loss(ids)
    assert loss.shape == (1, ids.shape[1] - 1)
    with torch.inference_mode():
        expected = lm.model(ids, labels=ids).loss
    torch.testing.assert_close(loss.mean(), expected, atol=1e-5, rtol=1e-5)
    logits = lm.forward(ids).logits[0, 3].float()
    torch.testing.assert_close(loss[0, 3], -logits.log_softmax(-1)[ids[0, 4]])


def test_uniform_model_loses_log_vocab() -> None:
    model = LlamaForCausalLM(
        LlamaConfig(
            hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, **SMALL
        )
    )
    model.lm_head.weight.data.zero_()
    lm = LanguageModel(model, tiny_tokenizer())
    loss = lm.per_token_loss([[2, 5, 6, 7]])
    torch.testing.assert_close(loss, torch.full((1, 3), 335.0).log())


@pytest.mark.parametrize("model", OTHERS, ids=lambda model: type(model).__name__)
def test_other_structures_are_read_by_the_same_code(model) -> None:
    lm = LanguageModel(model, tiny_tokenizer())
    assert (lm.n_layers, lm.d_model, lm.vocab_size) == (3, 32, 335)
    ids = torch.tensor([[2, 7, 8, 9]])
    with torch.inference_mode():
        hidden = model(ids, output_hidden_states=True).hidden_states
    resid = lm.resid_post(ids, [0, 1, 2])
    for layer in (0, 1):
        torch.testing.assert_close(resid[layer], hidden[layer + 1], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(lm.final_norm(resid[2]), hidden[-1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("model", OTHERS, ids=lambda model: type(model).__name__)
def test_unembedding_a_direction_is_the_change_of_the_logits(model) -> None:
    """final norm then W_U of r + εd, with the norm's own scale undone,
    moves by ε times the answer.
    """
    lm = LanguageModel(model, tiny_tokenizer())
    with torch.no_grad():
        lm.final_norm.weight.uniform_(0.5, 2.0)
    direction = torch.randn(2, 32, generator=torch.Generator().manual_seed(0))
    effect = lm.unembed_direction(direction)
    centred = (
        direction - direction.mean(-1, keepdim=True) if "GPT" in type(model).__name__ else direction
    )
    expected = (centred * lm.final_norm.weight) @ model.get_output_embeddings().weight.T
    torch.testing.assert_close(effect, expected.detach(), atol=1e-4, rtol=1e-3)


def test_gemma_gain_is_one_plus_its_weight(lm: LanguageModel) -> None:
    effect = lm.unembed_direction(torch.eye(lm.d_model))
    expected = (torch.eye(lm.d_model) * (1 + lm.final_norm.weight)) @ lm.model.lm_head.weight.T
    torch.testing.assert_close(effect, expected, atol=1e-4, rtol=1e-3)


def test_unknown_structure_is_refused() -> None:
    class Odd(GPT2LMHeadModel):
        pass

    model = Odd(GPT2Config(vocab_size=335, n_embd=8, n_layer=1, n_head=2))
    model.transformer.blocks = model.transformer.h
    del model.transformer.h
    with pytest.raises(
        ModelUnavailable, match=r"Odd has its decoder layers at none of model\.layers"
    ):
        LanguageModel(model, tiny_tokenizer())


def test_tokenizing(lm: LanguageModel) -> None:
    ids = lm.tokenize("Moscow.\nUK")
    assert (ids[0], ids.count(BOS)) == (BOS, 1)
    assert lm.newline_id in ids
    assert "".join(lm.token_text(i) for i in ids[1:]) == "Moscow.\nUK"
    assert lm.tokenize("") == [BOS]
    assert lm.tokenize("<bos>x")[:2] != [BOS, BOS]
    assert (lm.special_ids, lm.eos_ids) == ({PAD, EOS, BOS}, {EOS})
    assert lm.token_text(lm.tokenize("é")[1]) == "\ufffd"  # one of two bytes
    with pytest.raises(ValueError, match="not Unicode at character 1"):
        lm.tokenize("a\ud800")
    with pytest.raises(ValueError, match="token_id is 9999; allowed: 0 to"):
        lm.token_text(9999)


def test_chat_needs_a_template(lm: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = lm.tokenize("hi", chat=True)
    assert (ids.count(BOS), lm.decode(ids)) == (1, "<bos>user\nhi<eos>\nmodel\n")
    monkeypatch.setattr(lm.tokenizer, "chat_template", None)
    with pytest.raises(ValueError, match="no chat template"):
        lm.tokenize("hi", chat=True)


@pytest.mark.parametrize("layer", [-1, N_LAYERS])
def test_missing_layers_are_named(lm: LanguageModel, layer: int) -> None:
    with pytest.raises(ValueError, match=rf"layer is {layer}; this model has layers 0 to 3"):
        lm.resid_post([[2, 3]], [0, layer])
    with pytest.raises(ValueError, match=f"layer is {layer}"):
        lm.forward([[2, 3]], [layer])


@pytest.mark.parametrize("tokens", [[[]], [2, 3], [[2] * 600]])
def test_impossible_prompts_are_refused(lm: LanguageModel, tokens: list) -> None:
    with pytest.raises(ValueError, match="tokens"):
        lm.resid_post(tokens, [0])


def test_missing_models_are_explained(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="No model at .*nothing"):
        LanguageModel.load(tmp_path / "nothing")
    with pytest.raises(ModelUnavailable, match="no/such model does not exist on huggingface.co"):
        LanguageModel.load("no/such model")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelUnavailable, match=tmp_path.name):
        LanguageModel.load(tmp_path)


def test_top_next_tokens() -> None:
    logits = torch.tensor([[0.0, 2.0, 1.0]])
    token_ids, probabilities = top_next_tokens(logits, 2)
    assert token_ids.tolist() == [[1, 2]]
    torch.testing.assert_close(probabilities, logits.softmax(-1)[:, [1, 2]])


def test_weights_are_laid_out_for_few_rows_and_saved_as_they_were(
    lm: LanguageModel, tmp_path: Path
) -> None:
    weight = lm.layers[0].mlp.up_proj.weight
    assert weight.stride() == (1, weight.shape[0])
    lm.model.save_pretrained(tmp_path)
    assert torch.equal(
        AutoModelForCausalLM.from_pretrained(tmp_path).model.layers[0].mlp.up_proj.weight, weight
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_norms_are_those_of_transformers_also_after_a_weight_was_written(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    folder = tiny_model_dir(tmp_path)
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
    lm = LanguageModel.load(folder, dtype=dtype)
    ids = torch.tensor([lm.tokenize(TEXT)])
    for _ in range(2):
        with torch.no_grad():
            assert torch.equal(lm.model(ids).logits, plain(ids).logits)
            for model in (plain, lm.model):
                model.model.layers[0].input_layernorm.weight.add_(0.5)
