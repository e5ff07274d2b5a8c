"""What the Reactivation page computes in the browser, against the same definitions in Python.

No server.
"""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

STATIC = Path(__file__).parents[2] / "static"
SCRIPTS = (
    "live_store.js",
    "firing_range.js",
    "firing_rows.js",
    "prompt_pair.js",
    "firing_tools.js",
)
CLASSES = ("function", "content")
Token = dict[str, Any]
Pairs = list[list[int | None]]


@pytest.fixture(scope="module")
def blank(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    page.evaluate("window.React = {}")  # the tools only name it
    for script in SCRIPTS:
        page.add_script_tag(path=str(STATIC / script))
    yield page
    page.close()


def tokens_of(rng: random.Random, most: int) -> list[Token]:
    """BOS, then tokens of five ids whose class follows from the id;
    the last few may be generated.
    """
    ids = [rng.randrange(1, 6) for _ in range(rng.randrange(most))]
    start = rng.choice([len(ids) + 1, rng.randrange(len(ids) + 1) + 1])
    tokens: list[Token] = [
        {"position": 0, "token_id": 0, "token_class": "special", "text": "<bos>"}
    ]
    for place, token_id in enumerate(ids, start=1):
        token = {
            "position": place,
            "token_id": token_id,
            "token_class": CLASSES[token_id % 2],
            "text": "x",
        }
        tokens.append(token | ({"generated": True} if place >= start else {}))
    return tokens


def price(a: Token, b: Token) -> tuple[int, int]:
    """(edits, minus substitutions within a class) of pairing a with b."""
    if bool(a.get("generated")) != bool(b.get("generated")):
        return 10**6, 0
    if a["token_id"] == b["token_id"]:
        return 0, 0
    return 1, -int(a["token_class"] == b["token_class"])


def least(a: list[Token], b: list[Token]) -> tuple[int, int]:
    """The least price of lining a up with b, by the recursion over whole lists."""
    best: dict[tuple[int, int], tuple[int, int]] = {}
    for i in range(len(a), -1, -1):
        for j in range(len(b), -1, -1):
            options = [(0, 0)] if i == len(a) and j == len(b) else []
            if i < len(a):
                options.append((best[i + 1, j][0] + 1, best[i + 1, j][1]))
            if j < len(b):
                options.append((best[i, j + 1][0] + 1, best[i, j + 1][1]))
            if i < len(a) and j < len(b):
                edits, within = price(a[i], b[j])
                options.append((best[i + 1, j + 1][0] + edits, best[i + 1, j + 1][1] + within))
            best[i, j] = min(options)
    return best[0, 0]


def paid(pairs: Pairs, a: list[Token], b: list[Token]) -> tuple[int, int]:
    prices = [(1, 0) if i is None or j is None else price(a[i], b[j]) for i, j in pairs]
    return sum(one[0] for one in prices), sum(one[1] for one in prices)


def test_the_alignment_is_the_least_edit_distance(blank: Page) -> None:
    rng = random.Random(5)
    cases = [[tokens_of(rng, 9), tokens_of(rng, 9)] for _ in range(400)]
    found = blank.evaluate("cases => cases.map(([a, b]) => functionscope.align(a, b))", cases)
    for (a, b), pairs in zip(cases, found, strict=True):
        # every token once, in order
        assert [i for i, _ in pairs if i is not None] == list(range(len(a)))
        assert [j for _, j in pairs if j is not None] == list(range(len(b)))
        assert paid(pairs, a, b) == least(a, b)
        for i, j in pairs:
            if i is not None and j is not None:
                assert bool(a[i].get("generated")) == bool(b[j].get("generated"))


def test_a_prompt_lines_up_with_itself(blank: Page) -> None:
    tokens = tokens_of(random.Random(1), 30)
    pairs = blank.evaluate("t => functionscope.align(t, t)", tokens)
    assert pairs == [[i, i] for i in range(len(tokens))]


def lane_of(tokens: list[Token], rng: random.Random, n_features: int = 8) -> dict[str, Any]:
    fires = [(p, f) for p in range(len(tokens)) for f in range(n_features) if rng.random() < 0.3]
    columns = {"position": [p for p, _ in fires], "feature_index": [f for _, f in fires]}
    return {
        "tokens": tokens,
        "firings": columns | {"activation": [1.0 + rng.random() for _ in fires]},
    }


MODEL = """prompts => {
  const columns = functionscope.columns(prompts);
  const info = {3: {density: 0.02, top_tokens: ['cat']}, 4: {density: 0.5}};
  const byFeature = functionscope.rows(prompts, columns, info);
  const all = [...byFeature.values()];
  return {prompts, columns, all, byFeature};
}"""


def test_differences_per_aligned_position(blank: Page) -> None:
    rng = random.Random(2)
    cases = [[lane_of(tokens_of(rng, 8), rng), lane_of(tokens_of(rng, 8), rng)] for _ in range(60)]
    found = blank.evaluate(
        f"""cases => cases.map((prompts) => {{
          const model = ({MODEL})(prompts);
          const d = functionscope.differences(model.all, model.columns.length);
          return model.columns.map((c, i) => [c.at, d.A[i], d.both[i], d.B[i]]);
        }})""",
        cases,
    )
    for lanes, columns in zip(cases, found, strict=True):
        for at, *counted in columns:
            sets = []
            for lane, position in zip(lanes, at, strict=True):
                pairs = zip(
                    lane["firings"]["position"], lane["firings"]["feature_index"], strict=True
                )
                sets.append({f for p, f in pairs if p == position})
            a, b = sets
            assert counted == [len(a - b), len(a & b), len(b - a)]


def test_locked_positions_survive_the_address(blank: Page) -> None:
    rng = random.Random(3)
    cases = []
    for _ in range(80):
        lanes = [lane_of(tokens_of(rng, 8), rng) for _ in range(rng.choice([1, 2]))]
        cases.append([lanes, rng.random()])
    found = blank.evaluate(
        f"""cases => cases.map(([prompts, share]) => {{
          const {{columns}} = ({MODEL})(prompts);
          const chosen = columns.map((_, i) => i).filter((i) => (i * 0.618 + share) % 1 < 0.5);
          const name = functionscope.lockNames(chosen, columns);
          return [chosen, name, functionscope.lockedColumns(name, columns, prompts)];
        }})""",
        cases,
    )
    assert any("-" in name for _, name, _ in found)
    assert any("." in name for _, name, _ in found)
    assert any("b" in name for _, name, _ in found)
    for chosen, name, back in found:
        assert back == chosen
        assert (name == "none") == (not chosen)


@pytest.mark.parametrize("written", ["x", "99", "3-99", "1-2-3", "b0", "", "-"])
def test_what_an_address_cannot_mean_locks_nothing_else(blank: Page, written: str) -> None:
    lane = lane_of([*tokens_of(random.Random(1), 6)], random.Random(1))
    found = blank.evaluate(
        f"([p, at]) => functionscope.lockedColumns(at, ({MODEL})([p]).columns, [p])",
        [lane, written],
    )
    functions = [
        t["position"]
        for t in lane["tokens"]
        if t["token_class"] == "function" and not t.get("generated")
    ]
    assert found == ([] if written or not functions else functions[-1:])


def test_shift_takes_a_range_and_ctrl_one_more(blank: Page) -> None:
    clicked = "([c, chosen, anchor, event]) => functionscope.clicked(c, chosen, anchor, event)"
    shift, ctrl = {"shiftKey": True}, {"ctrlKey": True}
    plain: dict[str, bool] = {}
    assert blank.evaluate(clicked, [5, [2], 2, shift]) == [2, 3, 4, 5]
    assert blank.evaluate(clicked, [1, [3], 3, shift]) == [1, 2, 3]
    assert sorted(blank.evaluate(clicked, [7, [2], 2, ctrl])) == [2, 7]
    assert blank.evaluate(clicked, [2, [2, 7], 2, ctrl]) == [7]
    assert blank.evaluate(clicked, [4, [2, 7], 2, plain]) == [4]
    assert blank.evaluate(clicked, [4, [4], 4, plain]) == []


VIEWS: list[dict[str, Any]] = [
    {},
    {"locked": True},
    {"at_class": "function"},
    {"at_class": "content", "least": 3},
    {"only_function": True},
    {"density_from": 1, "density": 10},
    {"pinned": True},
    {"find": "cat"},
    {"locked": True, "least": 2, "density": 40, "find": "3"},
]


def reason(row: dict[str, Any], view: dict[str, Any], locked: list[int]) -> str | None:
    """The first filter that hides the row, in the order in which the page names them."""
    fired: list[Token] = row["tokens"]
    counted = [t for t in fired if t["token_class"] != "special"]
    later = counted[1:]
    density = {3: 0.02, 4: 0.5}.get(row["feature"])
    words = "cat" if row["feature"] == 3 else ""
    if view.get("pinned"):
        return "not pinned"
    if view.get("locked") and not {t["position"] for t in fired} >= set(locked):
        return f"not firing at all {len(locked)} locked positions"
    if view.get("at_class") and not any(t["token_class"] == view["at_class"] for t in fired):
        return f"silent at {view['at_class']} tokens"
    if view.get("only_function") and (
        not later or any(t["token_class"] != "function" for t in later)
    ):
        return "not reactivated at function tokens only"
    if len(counted) < view.get("least", 0):
        return f"firing fewer than {view['least']} times"
    if density is not None and density < view.get("density_from", 0) / 100:
        return "rarer than the range"
    if density is not None and density > view.get("density", 100) / 100:
        return "denser than the range"
    find = view.get("find", "")
    return (
        None if str(row["feature"]).startswith(find) or find in words else "not matching the search"
    )


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_filters_hide_what_they_say_and_count_it(blank: Page, view: dict[str, Any]) -> None:
    rng = random.Random(4)
    locked, pins = [2, 3], [6]
    for _ in range(12):
        lane = lane_of(tokens_of(rng, 14), rng)
        pairs = list(
            zip(lane["firings"]["position"], lane["firings"]["feature_index"], strict=True)
        )
        rows = [
            {"feature": f, "tokens": [lane["tokens"][p] for p, g in pairs if g == f]}
            for f in {g for _, g in pairs}
        ]
        shown, hidden, line = blank.evaluate(
            f"""([lane, view, locked, pins]) => {{
              const all = ({MODEL})([lane]).all;
              const whole = Object.assign({{}}, functionscope.DEFAULT_VIEW, view);
              const found = functionscope.visibleRows(all, whole, locked, pins);
              return [found.rows.map((r) => r.feature), found.hidden,
                      functionscope.hiddenLine(found.rows.length, all.length, found.hidden)];
            }}""",
            [lane, view, locked, pins],
        )
        why = {
            row["feature"]: reason(row, view, locked) for row in rows if row["feature"] not in pins
        }
        assert dict(hidden) == Counter(one for one in why.values() if one)
        assert set(shown) == {row["feature"] for row in rows} - {f for f, one in why.items() if one}
        if 6 in shown:
            assert shown[0] == 6  # pinned: first, and hidden by nothing
        if hidden:
            assert f"filters hide {sum(dict(hidden).values())}" in line


def test_what_becomes_of_the_words_that_differ(blank: Page) -> None:
    def token(position: int, token_id: int, token_class: str) -> Token:
        return {
            "position": position,
            "token_id": token_id,
            "token_class": token_class,
            "text": f"t{token_id}",
        }

    kinds = ["special", "function", "content", "function"]
    lanes = [
        {
            "tokens": [
                token(p, t, k)
                for p, (t, k) in enumerate(zip([0, 1, country, 9], kinds, strict=True))
            ]
        }
        for country in (5, 6)
    ]
    # A: features 10, 11 at the country, 11 again at the end with a new 12; B: 20 at the country, 12
    # at the end
    fires = [[(2, 10), (2, 11), (3, 11), (3, 12)], [(2, 20), (3, 12)]]
    for lane, pairs in zip(lanes, fires, strict=True):
        columns = {"position": [p for p, _ in pairs], "feature_index": [f for _, f in pairs]}
        lane["firings"] = columns | {"activation": [1.0] * len(pairs)}  # type: ignore[assignment]
    found = blank.evaluate(
        f"""prompts => {{
          const model = ({MODEL})(prompts);
          const at = (f) => [model.byFeature.get(f), []];
          const sides = {{A: [at(11)], both: [at(12)], B: []}};
          const sentence = functionscope.originSentence(model, sides, [3, 3]);
          const carried = (prompt) => functionscope.carriedOver(model, prompt, 3);
          return [carried(0), carried(1), sentence];
        }}""",
        lanes,
    )
    assert found[0] == {"columns": [2], "fired": 2, "again": 1}
    assert found[1] == {"columns": [2], "fired": 1, "again": 0}
    assert found[2] == (
        "Of what fires here: only in A 0 new and 1 reactivated, only in B 0 new and 0 reactivated. "
        "Of the 2 features that fired at t5 in A, 1 fire again here. "
        "Of the 1 features that fired at t6 in B, 0 fire again here."
    )
