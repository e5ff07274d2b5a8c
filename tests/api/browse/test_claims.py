"""/api/claims over HTTP: every claim has a rule, a verdict and a reason where it has no number."""

import pytest
from fastapi.testclient import TestClient

from backend.core.claims.rules import Figure
from backend.routes.browse.claims import address_of


def test_every_claim_has_a_verdict_that_its_number_gives(client: TestClient) -> None:
    claims = client.get("/api/claims").json()["claims"]
    assert len(claims) >= 30
    for claim in claims:
        low, high = claim["interval"] or (claim["value"], claim["value"])
        if claim["value"] is None:
            assert claim["verdict"] == "not testable", claim["id"]
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


def test_it_takes_no_parameters(client: TestClient) -> None:
    assert client.get("/api/claims?verdict=supported").status_code == 422


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
