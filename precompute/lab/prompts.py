"""`python -m precompute.lab.prompts`: the lab model's prompt set, `lab/prompts.json`.

One question per phrasing of `lab/questions.json` (both languages, trained and held out), each about
a fact
drawn with a seed: so that what is measured over many prompts does not hang on one way to ask.
"""

import json
import sys
from pathlib import Path

import numpy as np

from precompute.lab.questions import LAB, ask, facts, phrasings

PROMPTS = LAB / "prompts.json"
SEED = 0
SOURCE = "one question per phrasing of questions.json, about a fact of facts.json drawn with seed 0"


def prompt_set(seed: int = SEED) -> list[str]:
    """Questions, each ending in a newline, in the order of the phrasings."""
    rng = np.random.default_rng(seed)
    prompts = []
    for relation, by_language in phrasings().items():
        about = [fact for fact in facts() if fact.relation == relation]
        for language, by_split in by_language.items():
            for phrasing in (text for split in by_split.values() for text in split):
                fact = about[int(rng.integers(len(about)))]
                prompts.append(ask(fact, phrasing, language, int(rng.integers(6))) + "\n")
    return prompts


def write(path: Path = PROMPTS) -> int:
    """Write the file; the number of prompts."""
    prompts = prompt_set()
    text = json.dumps(
        {"licence": "CC0-1.0", "source": SOURCE, "prompts": prompts}, ensure_ascii=False, indent=0
    )
    path.write_text(text + "\n", encoding="utf-8")
    return len(prompts)


if __name__ == "__main__":
    sys.stdout.write(f"{write()} prompts in {PROMPTS}\n")
