"""/api/claims over HTTP: every claim has a rule, a verdict and a reason where it has no number."""

import csv
import io
import re

import pytest
from fastapi.testclient import TestClient

from backend.core.claims.rules import Figure
from backend.routes.browse.claims import address_of
from backend.routes.browse.claims_written import escaped


def test_every_claim_has_a_verdict_that_its_number_gives(client: TestClient) -> None:
    claims = client.get("/api/claims").json()["claims"]
    assert len(claims) >= 30
    for claim in claims:
        low, high = claim["interval"] or (claim["value"], claim["value"])
        if claim["value"] is None:
            assert claim["verdict"] == "not tested", claim["id"]
            assert claim["reason"], claim["id"]
            continue
        inside = (claim["above"] is None or low > claim["above"]) and (
            claim["below"] is None or high < claim["below"]
        )
        assert (claim["verdict"] == "supported") == inside, claim["id"]
        assert claim["n"] > 0, claim["id"]
        assert claim["source"], claim["id"]


def test_what_is_missing_names_the_command_that_makes_it(client: TestClient) -> None:
    claims = {claim["id"]: claim for claim in client.get("/api/claims").json()["claims"]}
    assert (
        "functionscope precompute experiments" in claims["one-feature-flips-the-language"]["reason"]
    )


def test_it_takes_no_other_parameters(client: TestClient) -> None:
    assert client.get("/api/claims?verdict=supported").status_code == 422
    told = client.get("/api/claims?format=xml")
    assert told.status_code == 422
    assert "csv" in told.json()["errors"][0]["allowed"]


def test_a_file_to_take_along_says_what_the_page_says_however_often(client: TestClient) -> None:
    claims = client.get("/api/claims").json()["claims"]
    identity = client.get("/api/builds").json()["builds"][0]["identity"]
    for _ in range(2):  # an answer that is kept would come back as JSON
        answer = client.get("/api/claims?format=csv")
        assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["id"] for row in rows] == [claim["id"] for claim in claims]
    for row, claim in zip(rows, claims, strict=True):
        assert row["verdict"] == claim["verdict"]
        assert row["build"] == identity
        assert row["value"] == ("" if claim["value"] is None else repr(claim["value"]))
        assert row["low"] == (repr(claim["interval"][0]) if claim["interval"] else "")


def test_bibtex_has_the_paper_and_an_entry_a_tested_claim(client: TestClient) -> None:
    claims = client.get("/api/claims").json()["claims"]
    tested = [claim["id"] for claim in claims if claim["value"] is not None]
    text = client.get("/api/claims?format=bib").text
    keys = re.findall(r"^@misc{([^,]+),$", text, re.MULTILINE)
    assert keys[0] == "functiontokens2025"
    assert [key.removeprefix("functionscope-").rsplit("-", 1)[0] for key in keys[1:]] == tested
    for entry in text.split("\n@")[1:]:
        assert entry.count("{") == entry.count("}")
    assert not re.search(r"(?<!\\)[%&#_]", text.split("title")[2])


def test_signs_that_mean_something_to_bibtex_are_escaped() -> None:
    assert escaped("40 % of a_b & {c} ~ \\") == (
        r"40 \% of a\_b \& \{c\} \textasciitilde{} \textbackslash{}"
    )


def test_every_build_that_is_here_is_judged_by_the_same_rules(client: TestClient) -> None:
    claims = client.get("/api/claims").json()["claims"]
    builds = client.get("/api/claims/builds").json()["builds"]
    assert [build["served"] for build in builds] == [True] + [False] * (len(builds) - 1)
    assert {"lab", "gemma-3-270m"} <= {build["preset"] for build in builds[1:]}
    assert len({build["identity"] for build in builds}) == len(builds)
    for build in builds:
        assert [one["id"] for one in build["claims"]] == [claim["id"] for claim in claims]
    for one, claim in zip(builds[0]["claims"], claims, strict=True):
        assert one == {name: claim[name] for name in one}


@pytest.mark.parametrize(
    ("figure", "address"),
    [
        (Figure("consolidation"), "/consolidation"),
        (Figure("consolidation", settings={"measure": "share"}), "/consolidation?measure=share"),
        (Figure("experiments", "grid"), "/claims#claims-grid-panel"),
        (
            Figure("coverage", "curve", {"sae": "l/2", "denominator": "dictionary"}),
            "/coverage?sae=l/2&denominator=dictionary#coverage-curve-panel",
        ),
        # a character with a meaning in addresses is no part of one
        (Figure("coverage", "laws", {"sae": "a&b"}), "/coverage?sae=a%26b#coverage-laws-panel"),
    ],
)
def test_a_figure_is_found_at_its_pages_address(figure: Figure, address: str) -> None:
    assert address_of(figure) == address
