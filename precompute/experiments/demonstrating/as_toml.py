"""What was found, as entries `demonstrations` of a preset: every number from the companion."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from backend.core.companions.experiments.store import (
    KIND,
    Answer,
    Estimate,
    ExperimentsStore,
    Trial,
)
from backend.core.companions.file import companion_path
from backend.core.opening import Opening
from backend.core.presets import load_preset
from backend.core.tasks import Tasks
from precompute.experiments.demonstrating.judging import CONTENT, FEATURE, RANDOM, UNEDITED
from precompute.job import BadInput

EXPERIMENT = "demonstrations"


def print_entries(args: argparse.Namespace, tasks: Tasks) -> int:
    """To stdout, one entry a trait; BadInput where the results are not of this task file."""
    if not (args.preset or args.build or args.out):
        raise BadInput("give --preset, --build or --out: where the results lie.")
    preset = load_preset(args.preset) if args.preset else None
    build = args.build or (preset.build if preset else "")
    store = ExperimentsStore(args.out or companion_path(Path(build), KIND))
    stated = {one.task: one.sha256 for one in store.tasks(EXPERIMENT)}
    if stated.get(tasks.name) != tasks.sha256:
        raise BadInput(
            f"{store.path} holds no demonstrations of {tasks.file} as it is now: run the command "
            "without --as-toml first."
        )
    opening = preset.opening if preset else Opening()
    print("\n".join(entries(store, tasks, preset.name if preset else "PRESET", opening)))
    return 0


def entries(store: ExperimentsStore, tasks: Tasks, preset: str, opening: Opening) -> Iterator[str]:
    """TOML of each trait's best feature over all SAEs, by the questions that it was chosen on."""
    chosen = [one for one in store.trials(EXPERIMENT) if one.chosen and one.kind == FEATURE]
    for trait in dict.fromkeys(one.subject for one in chosen):
        best = max((one for one in chosen if one.subject == trait), key=_rank)
        yield from _entry(store, tasks, best, preset, opening)


def _rank(one: Trial) -> tuple[float, ...]:
    return one.shown, one.n_right, -(one.strength or 0.0), one.rise or 0.0


def _entry(
    store: ExperimentsStore, tasks: Tasks, best: Trial, preset: str, opening: Opening
) -> Iterator[str]:
    wrapper = tasks.prompt
    stop = [wrapper.stop] if wrapper.stop else []
    yield f"[[{preset}.demonstrations]]"
    yield f"title = {_text(f'{best.subject}: one feature after layer {best.layer}')}"
    yield f"prompt = {_text(_question(store, tasks, best) + wrapper.end)}"
    if wrapper.text("") != opening.prefix + wrapper.end:
        yield f"prefix = {_text(wrapper.text('').removesuffix(wrapper.end))}"
    if stop != list(opening.stop):
        yield f"stop = [{', '.join(map(_text, stop))}]"
    yield f"sae_id = {_text(best.sae_id)}"
    yield f"feature_index = {best.feature_index}"
    yield 'mode = "add"'
    yield f"value = {best.value!r}"
    yield 'positions = "last"'
    yield f"note = {_text(note(store, best))}"


def _question(store: ExperimentsStore, tasks: Tasks, best: Trial) -> str:
    """The first question that nothing was chosen on and whose answer shows the trait with the edit
    and not without; before others one that is answered right both times, or right without.
    """
    own = _answers(store, FEATURE, f"{best.subject}, {best.sae_id}")
    plain = _answers(store, UNEDITED, best.subject)
    right = {one.text: one.right for one in tasks.questions}
    turned = [q for q, one in own.items() if one.success and not plain[q].success]
    if not turned:
        return next(iter(own))

    def good(question: str) -> tuple[bool, bool]:
        judge = right[question]
        return judge(plain[question].text), judge(own[question].text)

    return max(turned, key=lambda question: (sum(good(question)), good(question)[0]))


def _answers(store: ExperimentsStore, arm: str, subject: str) -> dict[str, Answer]:
    """question -> answer."""
    return {
        one.prompt: one
        for one in store.answers(EXPERIMENT)
        if (one.arm, one.subject) == (arm, subject)
    }


def note(store: ExperimentsStore, best: Trial) -> str:
    """The measured rate and its controls, in two sentences."""
    rate = _share(store, FEATURE, best)
    plain = _share(store, UNEDITED, best)
    random, content = _share(store, RANDOM[FEATURE], best), _share(store, FEATURE + CONTENT, best)
    return (
        f"One feature, added at the prompt's last token alone: {best.subject} in {rate} of "
        f"{_row(store, FEATURE, best).n} answers, in {plain} without it. Random features of that "
        f"length: {random}; at a content word of the question: {content}."
    )


def _share(store: ExperimentsStore, arm: str, best: Trial) -> str:
    row = _row(store, arm, best)
    low, high = 100 * (row.low or 0.0), 100 * (row.high or 0.0)
    return f"{100 * row.value:.0f} % ({low:.0f} to {high:.0f})"


def _row(store: ExperimentsStore, arm: str, best: Trial) -> Estimate:
    """How often an arm shows the trait; what uses no SAE has one row for all."""
    return next(
        row
        for row in store.estimates(EXPERIMENT, outcome="shown", arm=arm)
        if row.subject == best.subject and row.sae_id in (best.sae_id, None)
    )


def _text(text: str) -> str:
    """A TOML basic string: JSON's escapes are among TOML's."""
    return json.dumps(text, ensure_ascii=False)
