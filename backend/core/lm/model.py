"""A causal language model from `transformers`, read and edited at its residual stream.

The model is the plain Hugging Face one, so the residual basis is exactly the checkpoint's.
One forward hook per decoder layer is installed once, when the model is wrapped: it applies
the interventions of the current context, keeps what was asked for, and ends the forward
after the deepest layer that anybody needs.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from backend.core.gguf import local_folder, to_stderr
from backend.core.lm import hook as layer_hook
from backend.core.lm.chat import Conversation, Turn, conversation
from backend.core.lm.checkpoint import read_checkpoint
from backend.core.lm.faster import lay_out_for_few_rows, use_fused_attention, use_fused_norms
from backend.core.lm.interventions import Intervention, Plan, planned
from backend.core.lm.past import Past, begin
from backend.core.lm.tokens import Decoding, eos_ids, require_embedded, special_ids
from backend.core.lm.unembedding import losses
from backend.core.presets import DEFAULT_HOME


@dataclass(frozen=True)
class Forward:
    """One pass: logits [batch, pos, vocab] and, per layer asked for,
    resid_post [batch, pos, d_model].
    """

    logits: Tensor
    resid: dict[int, Tensor]


class LanguageModel:
    """A decoder-only transformer with its tokenizer. Safe to run from several threads.

    Layers are 0-based; `resid_post` at layer i is the output of decoder layer i, also for the
    last one (where `hidden_states[-1]` of transformers is taken after the final norm).
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        """Takes the model over: eval mode, no gradients, hooks,
        and what makes it faster but not different.
        """
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.layers, self.final_norm = layer_hook.find_decoder(model)
        self.n_layers = len(self.layers)
        self.d_model = int(model.get_input_embeddings().weight.shape[1])
        self.vocab_size = int(model.get_input_embeddings().weight.shape[0])
        self.max_positions: int | None = getattr(model.config, "max_position_embeddings", None)
        self.folder: Path | None = None  # it was read from; None: a hub's, or made in memory
        self.bos_id: int | None = tokenizer.bos_token_id
        # an id beyond the embedding is in no table of the vocabulary; `tokenize` refuses it
        self.special_ids = frozenset(i for i in special_ids(tokenizer) if i < self.vocab_size)
        self.eos_ids = eos_ids(model, tokenizer)
        self.decode = Decoding(tokenizer)  # ids -> text, special tokens written out, nothing tidied
        self.newline_id, self.byte_ids = self.decode.newline_id(), self.decode.byte_ids()
        layer_hook.install(self.layers)
        use_fused_attention(model)
        use_fused_norms(model)
        lay_out_for_few_rows(self.layers)

    @classmethod
    def load(
        cls,
        source: str | Path,
        *,
        revision: str | None = None,
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
        home: Path = DEFAULT_HOME,
    ) -> "LanguageModel":
        """From a folder of `save_pretrained`, a GGUF (unpacked once, below `home`), or the hub.

        Raises ModelUnavailable, with the remedy, when it cannot be had.
        """
        folder = local_folder(source, home.expanduser(), dtype=dtype, report=to_stderr)
        loaded = cls(*read_checkpoint(folder or source, revision, dtype, device))
        loaded.folder = folder
        return loaded

    @property
    def device(self) -> torch.device:
        device: torch.device = self.model.get_input_embeddings().weight.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        dtype: torch.dtype = self.model.get_input_embeddings().weight.dtype
        return dtype

    # -- text ------------------------------------------------------------------------------

    def tokenize(self, text: str, *, chat: bool = False) -> list[int]:
        """Token ids with BOS at 0 where the tokenizer has one (never twice).

        A special token written out in the text becomes that token. With `chat`, the text is
        one user turn followed by the opening of the model's turn; NoChat when the tokenizer
        has no chat template or it refuses the turn; ValueError for half a surrogate pair, and for
        a token without a row of the embedding.
        """
        if chat:
            return self.converse([Turn("user", text)]).token_ids
        _require_unicode(text)
        return self._embedded(self.tokenizer.encode(text, add_special_tokens=False))

    def converse(self, turns: Sequence[Turn]) -> Conversation:
        """Several turns, followed by the opening of the model's own; errors as `tokenize`."""
        for turn in turns:
            _require_unicode(turn.content)
        found = conversation(self.tokenizer, turns)
        ids = self._embedded(found.token_ids)
        added = len(ids) - len(found.token_ids)  # a BOS that the template lacks
        return Conversation(ids, [False] * added + found.template)

    def _embedded(self, ids: Sequence[int]) -> list[int]:
        if self.bos_id is not None and list(ids[:1]) != [self.bos_id]:
            ids = [self.bos_id, *ids]
        require_embedded(ids, self.vocab_size, self.tokenizer)
        return [int(token_id) for token_id in ids]

    def token_text(self, token_id: int) -> str:
        """As within a text; U+FFFD where it is a fragment of a UTF-8 character."""
        if not 0 <= token_id < self.vocab_size:
            raise ValueError(f"token_id is {token_id}; allowed: 0 to {self.vocab_size - 1}.")
        return self.decode([token_id])

    # -- forward passes --------------------------------------------------------------------

    @torch.inference_mode()
    def resid_post(
        self,
        tokens: Tensor | Sequence[Sequence[int]],
        layers: Sequence[int],
        *,
        attention_mask: Tensor | None = None,
        past: Past | None = None,
    ) -> dict[int, Tensor]:
        """[batch, pos, d_model] per layer; runs no layer beyond the deepest and no unembedding.
        With `past`: of the tokens after it."""
        if not layers:
            return {}
        self.check_layers(layers)
        ids = self._ids(tokens)
        options = _padding(attention_mask, self.device)
        if past is not None:
            options["past_key_values"] = begin(self.model, past, len(ids))
        with layer_hook.capturing(frozenset(layers), stop=True) as resid:
            self.model.base_model(input_ids=ids, use_cache=past is not None, **options)
        return resid

    @torch.inference_mode()
    def forward(
        self,
        tokens: Tensor | Sequence[Sequence[int]],
        layers: Sequence[int] = (),
        *,
        attention_mask: Tensor | None = None,
        logits_to_keep: int = 0,
        past_key_values: Any = None,
    ) -> Forward:
        """The whole model. `logits_to_keep` > 0 unembeds only that many last positions.

        With `past_key_values` the tokens continue what the cache holds, and the cache grows.
        """
        self.check_layers(layers)
        with layer_hook.capturing(frozenset(layers), stop=False) as resid:
            logits = self.model(
                input_ids=self._ids(tokens),
                past_key_values=past_key_values,
                use_cache=past_key_values is not None,
                logits_to_keep=logits_to_keep,
                **_padding(attention_mask, self.device),
            ).logits
        return Forward(logits, resid)

    @torch.inference_mode()
    def fill(self, tokens: Tensor | Sequence[Sequence[int]], past_key_values: Any) -> None:
        """Runs the tokens into the cache, without the unembedding."""
        self.model.base_model(
            input_ids=self._ids(tokens), past_key_values=past_key_values, use_cache=True
        )

    @torch.inference_mode()
    def per_token_loss(self, tokens: Tensor | Sequence[Sequence[int]]) -> Tensor:
        """Nats, float32 [batch, pos - 1]: entry p is -log P(token p+1 | tokens 0..p)."""
        return losses(self.model, self._ids(tokens))

    @contextmanager
    def intervening(
        self, rows: Sequence[Sequence[Intervention]], *, prompt_length: int
    ) -> Iterator[None]:
        """Every forward inside runs with these interventions, one list per row of the batch.

        Raises ValueError when an intervention's layer or width is not this model's.
        """
        for intervention in (one for row in rows for one in row):
            self.check_layers([intervention.layer])
            if intervention.direction.shape[-1:] != (self.d_model,):
                raise ValueError(
                    "The intervention's direction has shape "
                    f"{tuple(intervention.direction.shape)}; this model's residual stream needs "
                    f"({self.d_model},)."
                )
        with planned(Plan.build(rows, prompt_length)):
            yield

    # -- unembedding -----------------------------------------------------------------------

    @torch.inference_mode()
    def unembed_direction(self, direction: Tensor) -> Tensor:
        """[n, d_model] -> float32 [n, vocab]:
        direct effect on the logits, up to one positive factor.

        Through the final norm's gain (and its centring, if it centres) and W_U; without the
        norm's division by the residual's size, its bias, and any soft-capping of the logits.
        """
        gain, centres = self._norm_gain()
        rows = direction.to(self.device, torch.float32)
        if centres:
            rows = rows - rows.mean(-1, keepdim=True)
        unembedding: Tensor = self.model.get_output_embeddings().weight
        parts = unembedding.split(1 << 15)  # in float32 a 256k vocabulary would be 3.7 GB at once
        return torch.cat([(rows * gain) @ part.float().T for part in parts], dim=-1)

    def _norm_gain(self) -> tuple[Tensor, bool]:
        """The final norm's gain [d_model], and whether it subtracts the mean: found by probing."""
        if self.d_model % 2:
            raise ValueError(f"d_model is {self.d_model}; probing the final norm needs it even.")
        probe = torch.ones(self.d_model, device=self.device)
        probe[1::2] = -1.0  # mean 0, size 1: RMSNorm and LayerNorm both leave it be
        up, down, shifted = (
            self.final_norm(x.to(self.dtype)).float() for x in (probe, -probe, probe + 1.0)
        )
        return (up - down) / 2 * probe, bool(torch.allclose(shifted, up, rtol=1e-2, atol=1e-3))

    # -- checks ----------------------------------------------------------------------------

    def check_layers(self, layers: Sequence[int]) -> None:
        """ValueError naming the first layer that the model does not have."""
        for layer in layers:
            if not 0 <= layer < self.n_layers:
                raise ValueError(
                    f"layer is {layer}; this model has layers 0 to {self.n_layers - 1}."
                )

    def _ids(self, tokens: Tensor | Sequence[Sequence[int]]) -> Tensor:
        ids = torch.as_tensor(tokens, device=self.device)
        if ids.dim() != 2 or ids.shape[1] == 0:
            raise ValueError(f"tokens has shape {tuple(ids.shape)}; needed: [batch, pos], pos ≥ 1.")
        if self.max_positions and ids.shape[1] > self.max_positions:
            raise ValueError(
                f"The prompt has {ids.shape[1]} tokens; this model takes {self.max_positions}."
            )
        return ids


def _require_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"The text is not Unicode at character {error.start}: {error.reason}."
        ) from None


def top_next_tokens(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """(token_ids int64, probabilities float32), both [..., k], most probable first."""
    scores = logits.float()
    best, token_ids = scores.topk(k, dim=-1)
    return token_ids, (best - scores.logsumexp(-1, keepdim=True)).exp()


def _padding(attention_mask: Tensor | None, device: torch.device) -> dict[str, Any]:
    """Mask and the absolute positions that go with it; padding gets position 0, which nothing
    attends to.
    """
    if attention_mask is None:
        return {}
    mask = attention_mask.to(device)
    return {"attention_mask": mask, "position_ids": (mask.long().cumsum(-1) - 1).clamp(min=0)}
