"""Conversations: several turns through the template, and which tokens are the template's own."""

import pytest

from backend.core.lm import LanguageModel, NoChat, NoSystem, Turn

TALK = [
    Turn("system", "Be brief."),
    Turn("user", "user"),  # as the template's own word
    Turn("assistant", "Moscow."),
    Turn("user", "What is the capital of the UK?\n"),
]
NO_SYSTEM = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not "
    "supported') }}{% endif %}{% for m in messages %}<{{ m['role'] }}>{{ m['content'] | trim }}\n"
    "{% endfor %}"
)
SILENT = (
    "{% for m in messages %}{% if m['role'] != 'system' %}{{ m['content'] }}{% endif %}{% endfor %}"
)


def texts(lm: LanguageModel, ids: list[int], template: list[bool], *, own: bool) -> str:
    kept = [one for one, written in zip(ids, template, strict=True) if written is own]
    return lm.tokenizer.decode(kept)


def test_the_turns_are_the_templates_own_rendering(lm: LanguageModel) -> None:
    found = lm.converse(TALK)
    wire = [{"role": turn.role, "content": turn.content} for turn in TALK]
    assert found.token_ids == lm.tokenizer.apply_chat_template(
        wire, add_generation_prompt=True, return_dict=False
    )
    assert len(found.template) == len(found.token_ids)


def test_every_token_is_the_templates_or_somebodys(lm: LanguageModel) -> None:
    found = lm.converse(TALK)
    said = "".join(turn.content for turn in TALK)
    assert texts(lm, found.token_ids, found.template, own=False) == said
    assert texts(lm, found.token_ids, found.template, own=True) == (
        "<bos>system\n<eos>\nuser\n<eos>\nassistant\n<eos>\nuser\n<eos>\nmodel\n"
    )


def test_one_user_turn_is_what_chat_has_always_been(lm: LanguageModel) -> None:
    assert lm.converse([Turn("user", "hi")]).token_ids == lm.tokenize("hi", chat=True)


def test_a_text_that_the_template_trims_is_found(
    lm: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lm.tokenizer, "chat_template", NO_SYSTEM)
    found = lm.converse([Turn("user", "  The cat.\n")])
    assert texts(lm, found.token_ids, found.template, own=False) == "The cat."


def test_a_template_without_a_system_role_is_named(
    lm: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lm.tokenizer, "chat_template", NO_SYSTEM)
    with pytest.raises(NoSystem, match=r"takes no system turn .*System role not supported"):
        lm.converse(TALK)
    lm.converse(TALK[1:])


def test_a_template_that_drops_the_system_turn_is_refused(
    lm: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lm.tokenizer, "chat_template", SILENT)
    with pytest.raises(NoSystem, match="leaves out what the system turn says"):
        lm.converse(TALK)


def test_what_else_a_template_refuses_is_not_blamed_on_the_system_turn(
    lm: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lm.tokenizer, "chat_template", "{{ raise_exception('never') }}")
    with pytest.raises(NoChat, match="never") as caught:
        lm.converse(TALK)
    assert not isinstance(caught.value, NoSystem)
