"""Every bound on what may be asked for, enforced in one place. Outside it:
422 or 413, with both numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from backend.core import memory
from backend.core.companions.statistics.sets import MOST_SETS
from backend.core.lm.frozen_attention import can_freeze
from backend.routes.request.problems import Refusal, refuse_field
from backend.schemas import (
    InspectRequest,
    LensRequest,
    Limits,
    SteerRequest,
    SweepRequest,
    TokenizeRequest,
    TraitsRequest,
)
from backend.schemas.graph import GRAPH_EDGES_MAX
from backend.schemas.reactivation import SHUFFLES_MOST
from backend.serving.loading import Loaded
from backend.settings import Settings

MAX_ALPHAS = 16
MAX_STATISTICS_ROWS = 5_000  # tokens of one answer
# bytes of work that are not worth asking the machine for, which takes a third of a millisecond
SMALL = 1 << 25


def limits_of(settings: Settings, loaded: Loaded | None) -> Limits:
    """The bounds in force: the settings', and the model's own context where that is smaller."""
    return Limits(
        prompt_tokens=prompt_tokens(settings, loaded),
        prefix_tokens=prefix_tokens(settings, loaded),
        prompt_chars=settings.max_prompt_chars,
        interventions=settings.max_interventions,
        samples=settings.max_samples,
        sweep_cells=settings.max_sweep_cells,
        patch_cells=settings.max_patch_cells,
        lens_rows=settings.max_lens_rows,
        trait_prompts=settings.max_trait_prompts,
        max_new_tokens=settings.max_new_tokens,
        next_tokens=next_tokens(settings, loaded),
        temperature=settings.max_temperature,
        value=settings.max_value,
        body_bytes=settings.max_body_bytes,
        upload_bytes=settings.max_upload_bytes,
        set_prompts=settings.max_set_prompts,
        shuffles=SHUFFLES_MOST,
        alphas=MAX_ALPHAS,
        queue=settings.queue,
        page=settings.max_page,
        coverage_rows=settings.max_coverage_rows,
        export_rows=settings.max_export_rows,
        statistics_rows=MAX_STATISTICS_ROWS,
        intersection_tokens=MOST_SETS,
        graph_edges=GRAPH_EDGES_MAX,
        requests_per_minute=settings.requests_per_minute,
        live_per_minute=settings.live_per_minute,
        live_seconds=settings.live_seconds,
        stream_seconds=settings.stream_seconds,
        live_bytes=settings.live_bytes,
        body_seconds=settings.body_seconds,
    )


def prompt_tokens(settings: Settings, loaded: Loaded | None) -> int:
    """Positions that a prompt may have."""
    context = loaded.lm.max_positions if loaded is not None else None
    return min(settings.max_prompt_tokens, context or settings.max_prompt_tokens)


def prefix_tokens(settings: Settings, loaded: Loaded | None) -> int:
    """Positions that a prefix may have, the prompt coming on top."""
    context = loaded.lm.max_positions if loaded is not None else None
    return min(settings.max_prefix_tokens, context or settings.max_prefix_tokens)


def next_tokens(settings: Settings, loaded: Loaded | None) -> int:
    """Next tokens that may be listed for a position."""
    return min(
        settings.max_next_tokens, loaded.lm.vocab_size if loaded else settings.max_next_tokens
    )


def room(settings: Settings, loaded: Loaded) -> int | None:
    """Bytes that live work may take now; None where that cannot be told."""
    free = memory.available_bytes(str(loaded.lm.device))
    if free is not None and loaded.pager is not None:  # promised to SAEs that have not moved in yet
        free = max(0, free - loaded.pager.budget + loaded.pager.held)
    return min((one for one in (settings.live_bytes, free) if one is not None), default=None)


def check_room(what: str, needed: int, remedy: str, settings: Settings, loaded: Loaded) -> None:
    """413 with both numbers for work that needs more memory than there is."""
    if needed <= SMALL and settings.live_bytes is None:
        return
    there = room(settings, loaded)
    if there is not None and needed > there:
        raise Refusal(
            413,
            f"{what} needs {memory.in_words(needed)} on {loaded.lm.device} beside the weights, "
            f"where {memory.in_words(there)} are there for it: {remedy}.",
        )


def check_page(limit: int, settings: Settings) -> None:
    if limit > settings.max_page:
        raise refuse_field("limit", limit, f"at most {settings.max_page}")


def check_statistics_rows(limit: int) -> None:
    if limit > MAX_STATISTICS_ROWS:
        raise refuse_field("limit", limit, f"1 to {MAX_STATISTICS_ROWS}")


def check_prompt_chars(request: TokenizeRequest, settings: Settings) -> None:
    """Before tokenising: a prompt of a million characters would hold a thread for seconds."""
    turns = "".join(turn.content for turn in request.turns)
    for what, text in (
        ("prompt", request.prompt),
        ("prefix", request.prefix),
        ("text of the turns", turns),
    ):
        if len(text) > settings.max_prompt_chars:
            told = f"The {what} has {len(text)} characters; this server takes "
            raise Refusal(413, f"{told}{settings.max_prompt_chars}.")


def check_prompt_tokens(
    n_tokens: int, settings: Settings, loaded: Loaded, prefix_length: int = 0
) -> None:
    """`n_tokens` of the whole prompt, the first `prefix_length` of which are its prefix."""
    own = ("prompt", n_tokens - prefix_length, prompt_tokens(settings, loaded))
    for what, n, most in (own, ("prefix", prefix_length, prefix_tokens(settings, loaded))):
        if n > most:
            raise Refusal(413, f"The {what} has {n} tokens; this server takes {most}.")
    context = loaded.lm.max_positions
    if context and n_tokens > context:
        raise Refusal(413, f"Prefix and prompt have {n_tokens} tokens; the model takes {context}.")
    if prefix_length and n_tokens == prefix_length:
        raise refuse_field("prompt", "", "at least one token after the prefix")
    if n_tokens == 0:
        raise refuse_field("prompt", "", "at least one token (this model's tokenizer adds no BOS)")


def check_inspect(
    request: InspectRequest, settings: Settings, n_tokens: int, loaded: Loaded
) -> None:
    """`n_tokens` is the length of the prompt."""
    if request.next_tokens > next_tokens(settings, loaded):
        raise refuse_field(
            "next_tokens", request.next_tokens, f"0 to {next_tokens(settings, loaded)}"
        )
    check_generate(request.generate, settings, n_tokens, loaded)


def check_generate(generate: int, settings: Settings, n_tokens: int, loaded: Loaded) -> None:
    """Greedy tokens after a prompt of `n_tokens`, which are then read like the prompt's own."""
    if generate > settings.max_new_tokens:
        raise refuse_field("generate", generate, f"0 to {settings.max_new_tokens}")
    context = loaded.lm.max_positions
    if generate and context and n_tokens + generate > context:
        raise Refusal(
            413,
            f"The prompt's {n_tokens} tokens and generate {generate} make {n_tokens + generate}; "
            f"the model takes {context}.",
        )


def check_steer(request: SteerRequest, settings: Settings, n_tokens: int, loaded: Loaded) -> None:
    """Everything of a steer request that has a bound; `n_tokens` is the length of its prompt."""
    bounds = (
        ("interventions", len(request.interventions), settings.max_interventions),
        ("samples", request.samples, settings.max_samples),
        ("max_new_tokens", request.max_new_tokens, settings.max_new_tokens),
        ("temperature", request.temperature, settings.max_temperature),
    )
    for name, value, most in bounds:
        if value > most:
            raise refuse_field(name, value, f"at most {most}")
    for place, one in enumerate(request.interventions):
        if abs(one.value) > settings.max_value:
            allowed = f"{-settings.max_value:g} to {settings.max_value:g}"
            raise refuse_field(f"interventions.{place}.value", one.value, allowed)
    if request.samples > 1 and request.temperature == 0:
        raise refuse_field(
            "samples", request.samples, "1 when temperature is 0: greedy texts are all the same"
        )
    context = loaded.lm.max_positions
    if context and n_tokens + request.max_new_tokens > context:
        raise Refusal(
            413,
            f"The prompt's {n_tokens} tokens and max_new_tokens {request.max_new_tokens} make "
            f"{n_tokens + request.max_new_tokens}; the model takes {context}.",
        )


def check_freeze(freeze_attention: bool, loaded: Loaded) -> None:
    if freeze_attention and not can_freeze(loaded.lm.model):
        allowed = "false: this model's attention does not show its probabilities"
        raise refuse_field("freeze_attention", True, allowed)


def check_sweep(request: SweepRequest, settings: Settings, n_positions: int) -> None:
    """What only a sweep has: its grid, its strengths, one intervention more;
    the rest is checked as a steer request.
    """
    cells = len(request.strengths) * n_positions
    if cells > settings.max_sweep_cells:
        allowed = (
            f"at most {settings.max_sweep_cells} cells; this is {len(request.strengths)} "
            f"× {n_positions} = {cells}"
        )
        raise refuse_field("strengths", f"{len(request.strengths)} values", allowed)
    largest = max(request.strengths, key=abs)
    if abs(largest) > settings.max_value:
        raise refuse_field(
            "strengths", largest, f"{-settings.max_value:g} to {settings.max_value:g}"
        )
    most = settings.max_interventions - 1
    if len(request.interventions) > most:
        raise refuse_field(
            "interventions", f"{len(request.interventions)}", f"at most {most} beside the swept one"
        )
    if len(set(request.strengths)) < len(request.strengths):
        raise refuse_field("strengths", request.strengths, "values that all differ")


def check_patch(n_positions: int, sources: int, settings: Settings, loaded: Loaded) -> None:
    """Cells of a patch map: every layer, every position from the first difference on, A's states
    and a control's."""
    cells = loaded.lm.n_layers * n_positions * sources
    if cells > settings.max_patch_cells:
        named = f"{loaded.lm.n_layers} layers × {n_positions} positions" + (
            " × 2 sources" if sources > 1 else ""
        )
        allowed = (
            f"prompts with at most {settings.max_patch_cells} cells; this is {named} = {cells}"
        )
        raise refuse_field(
            "prompt_b", f"{n_positions} positions from the first difference on", allowed
        )


def check_lens(request: LensRequest, n_positions: int, settings: Settings, loaded: Loaded) -> None:
    """Layers, rows and tokens of a reading in words."""
    n_layers = loaded.lm.n_layers
    layers = list(range(n_layers)) if request.layers is None else request.layers
    if max(layers) >= n_layers or len(set(layers)) < len(layers):
        raise refuse_field("layers", request.layers, f"layers that all differ, 0 to {n_layers - 1}")
    if len(layers) * n_positions > settings.max_lens_rows:
        rows = f"{len(layers)} × {n_positions} = {len(layers) * n_positions}"
        raise refuse_field(
            "positions",
            request.positions,
            f"at most {settings.max_lens_rows} layers × positions; this is {rows}",
        )
    if request.k > next_tokens(settings, loaded):
        raise refuse_field("k", request.k, f"1 to {next_tokens(settings, loaded)}")


def check_traits(request: TraitsRequest, settings: Settings) -> None:
    """Everything of a trait search that has a bound beside its prompts."""
    n_prompts = len(request.contrast_prompts) + len(request.test_prompts)
    if n_prompts > settings.max_trait_prompts:
        allowed = (
            f"at most {settings.max_trait_prompts} contrast and test prompts together; "
            f"these are {n_prompts}"
        )
        raise refuse_field("contrast_prompts", f"{len(request.contrast_prompts)} prompts", allowed)
    if request.max_new_tokens > settings.max_new_tokens:
        raise refuse_field(
            "max_new_tokens", request.max_new_tokens, f"at most {settings.max_new_tokens}"
        )
    if request.instruction is not None and "{prompt}" not in request.instruction:
        raise refuse_field(
            "instruction", request.instruction, "text with {prompt} where the prompt stands"
        )
    alphas = request.alphas if request.alphas is not None else [1.0]
    if not 1 <= len(alphas) <= MAX_ALPHAS or any(
        not 0 < abs(alpha) <= settings.max_value for alpha in alphas
    ):
        allowed = f"1 to {MAX_ALPHAS} values, not 0, of size at most {settings.max_value:g}"
        raise refuse_field("alphas", request.alphas, allowed)


def check_prompt_set(texts: Sequence[str], settings: Settings) -> None:
    """How many prompts one request may send, and that each can be read at all."""
    if not texts:
        raise refuse_field(
            "prompts", None, "one or more texts: this preset has no prompts of its own"
        )
    if len(texts) > settings.max_set_prompts:
        allowed = f"at most {settings.max_set_prompts} texts"
        raise refuse_field("prompts", f"{len(texts)} texts", allowed)
