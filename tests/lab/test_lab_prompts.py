"""The shipped prompt set is what its module makes, and the lab preset measures over it."""

import json

from backend.core.presets import load_preset
from precompute.lab.prompts import PROMPTS, prompt_set
from precompute.lab.questions import phrasings


def test_the_file_is_what_the_command_writes() -> None:
    assert json.loads(PROMPTS.read_text(encoding="utf-8"))["prompts"] == prompt_set()


def test_one_question_per_phrasing() -> None:
    n_phrasings = sum(
        len(texts)
        for one in phrasings().values()
        for split in one.values()
        for texts in split.values()
    )
    prompts = prompt_set()
    assert len(prompts) == n_phrasings
    assert all(text.endswith("\n") and "{" not in text for text in prompts)


def test_the_preset_s_set_begins_with_its_pair() -> None:
    preset = load_preset("lab")
    listed = preset.prompt_set()
    assert listed[:2] == preset.prompts[0]
    assert len(set(listed)) == len(listed) > 200
    # no file: the pair alone
    assert load_preset("gpt2-small").prompt_set() == load_preset("gpt2-small").prompts[0]
