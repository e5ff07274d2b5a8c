"""/api/claims over HTTP: every claim has a rule, a verdict and a reason where it has no number."""

from fastapi.testclient import TestClient


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
