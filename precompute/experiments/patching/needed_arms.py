"""Which positions are averaged out, which tokens deleted or inserted: the arms of `needed`, prompt
by prompt. Pure.

All positions are the name's or behind it: what stands before is the same in every prompt.
"Matched" arms take as many positions each, drawn anew for every prompt, none of them the last,
which every answer is read from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from precompute.experiments.patching.marked import MarkedPrompt

ABLATE, KEEP = "ablate ", "keep only "
BUT_LAST = ", not the last position"
CLASSES_KEPT = ("function", "content", "punctuation")
SIGNS = {"question mark": "?", "full stop": ".", "comma": ",", "line break": "\n"}
AVERAGED = "in their place stands the mean over all subjects' prompts at that place"
ARMS = {
    "none": "The prompt as it is.",
    "ablate function": f"Every function token behind the name is averaged out: {AVERAGED}.",
    "ablate function, not the last position": "The same without the prompt's last position.",
    "ablate content": "Every content token behind the name is averaged out.",
    "ablate punctuation": "Every token of nothing but punctuation and white space, whatever its "
    "class.",
    f"ablate punctuation{BUT_LAST}": "The same without the prompt's last position.",
    **{f"ablate {name}": f"Every {name} behind the name." for name in SIGNS},
    "ablate last": "The prompt's last position alone.",
    "ablate name": "The positions of the subject's name.",
    "ablate all": "The name and everything behind it: what is left when the subject is gone.",
    "ablate function, matched": "Function tokens behind the name, as many as there are of both "
    "kinds, not the last.",
    "ablate content, matched": "As many content tokens behind the name, not the last.",
    "ablate random, matched": "As many tokens of any kind behind the name, not the last.",
    "keep only function": "The name and everything behind it are averaged out but the function "
    "tokens.",
    "keep only content": "The same, but the content tokens behind the name stay.",
    "keep only punctuation": "The same, but punctuation and line breaks stay.",
    **{
        f"keep only {name}{BUT_LAST}": f"Only {name} tokens stay, and the last position does not."
        for name in CLASSES_KEPT
    },
    "keep only last": "The same, but the prompt's last position stays.",
    "keep only name": "The same, but the name stays.",
    "delete function": "Function tokens behind the name are deleted from the prompt, as many as "
    "there are of both kinds, not the last.",
    "delete content": "As many content tokens are deleted instead.",
    "insert function": "After every token behind the name but the last, a function token is "
    "inserted, drawn from those "
    "that stand behind names in this set.",
    "insert content": "The same with content tokens.",
    "ablate function - content, matched": "The difference of the two arms, prompt by prompt.",
    "ablate function - random, matched": "The difference of the two arms, prompt by prompt.",
    "delete function - content": "The difference of the two arms, prompt by prompt.",
    "insert function - content": "The difference of the two arms, prompt by prompt.",
}


def averaged_out(prompt: MarkedPrompt, rng: np.random.Generator) -> dict[str, tuple[int, ...]]:
    """arm -> positions that are averaged out in it, ascending. An arm that the prompt has nothing
    for is left out."""
    among = [*prompt.name, *prompt.behind]
    function, content = prompt.of_class("function"), prompt.of_class("content")
    punctuation = prompt.of_kind("punctuation")
    ablated = {
        "function": function,
        "function, not the last position": _without(function, [prompt.last]),
        "content": content,
        "punctuation": punctuation,
        "punctuation, not the last position": _without(punctuation, [prompt.last]),
        **{name: _sign(prompt, sign) for name, sign in SIGNS.items()},
        "last": [prompt.last],
        "name": list(prompt.name),
        "all": among,
        **_matched(prompt, rng),
    }
    kept = {
        "function": function,
        "content": content,
        "punctuation": punctuation,
        "last": [prompt.last],
        "name": list(prompt.name),
    }
    kept |= {f"{n}{BUT_LAST}": _without(kept[n], [prompt.last]) for n in CLASSES_KEPT}
    made = {ABLATE + name: tuple(positions) for name, positions in ablated.items() if positions}
    return made | {KEEP + n: tuple(_without(among, stay)) for n, stay in kept.items() if stay}


def _matched(prompt: MarkedPrompt, rng: np.random.Generator) -> dict[str, list[int]]:
    kinds = {
        "function": _without(prompt.of_class("function"), [prompt.last]),
        "content": _without(prompt.of_class("content"), [prompt.last]),
        "random": _without(prompt.behind, [prompt.last]),
    }
    n = min(len(kinds["function"]), len(kinds["content"]))
    return {f"{name}, matched": _drawn(positions, n, rng) for name, positions in kinds.items()}


def _sign(prompt: MarkedPrompt, sign: str) -> list[int]:
    """Positions behind the name whose token is that sign, with or without space, or holds a line
    break."""
    if sign == "\n":
        return [p for p in prompt.behind if "\n" in prompt.tokens[p].text]
    return [p for p in prompt.behind if prompt.tokens[p].text.strip() == sign]


def rewritten(
    prompt: MarkedPrompt, pools: dict[str, Sequence[int]], rng: np.random.Generator
) -> Iterator[tuple[str, list[int]]]:
    """(arm, token ids of the whole prompt) with tokens deleted or inserted behind the name.

    `pools`: class -> token ids to draw from, with repetition for what is frequent.
    """
    matched = _matched(prompt, rng)
    for token_class in ("function", "content"):
        gone = set(matched[f"{token_class}, matched"])
        if gone:
            yield f"delete {token_class}", [t for p, t in enumerate(prompt.ids) if p not in gone]
        if len(pools[token_class]) and len(prompt.behind) > 1:
            yield f"insert {token_class}", _inserted(prompt, pools[token_class], rng)


def _inserted(prompt: MarkedPrompt, pool: Sequence[int], rng: np.random.Generator) -> list[int]:
    made = list(prompt.ids[: prompt.name.stop])
    for position in prompt.behind:
        made.append(prompt.ids[position])
        if position != prompt.last:
            made.append(int(rng.choice(np.asarray(pool))))
    return made


def _drawn(positions: Sequence[int], n: int, rng: np.random.Generator) -> list[int]:
    return sorted(int(p) for p in rng.choice(np.asarray(positions), n, replace=False)) if n else []


def _without(positions: Sequence[int], others: Sequence[int]) -> list[int]:
    return [p for p in positions if p not in set(others)]
