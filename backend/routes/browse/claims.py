"""/api/claims: every claim that can be tested, judged on this build."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter

from backend.core.claims import Judged, judge_all
from backend.core.claims.measures import Sources
from backend.core.claims.rules import Figure, rule_words
from backend.routes.request.kept_route import kept_by
from backend.routes.request.served import Served
from backend.schemas import Claim, ClaimList

router = APIRouter(
    tags=["claims"], route_class=kept_by("statistics", "features", "consolidation", "experiments")
)


PAGES = {"experiments": "claims"}  # of subjects that have no page of their own


@router.get("/claims")
def read_claims(served: Served) -> ClaimList:
    """All claims with their numbers and verdicts;
    what this build lacks makes a claim “not testable”.
    """
    sources = Sources(served.build.require, served.build.companions())
    return ClaimList(claims=[_claim(one) for one in judge_all(sources)])


def _claim(judged: Judged) -> Claim:
    claim, found = judged.claim, judged.measured
    stated = {
        name: getattr(claim, name)
        for name in ("id", "group", "statement", "made_by", "definition", "unit", "noun")
    }
    measured = {
        "value": found.value if found else None,
        "interval": _pair(found.interval) if found else None,
        "n": found.n if found else None,
        "n_unit": found.n_unit if found else "",
        "source": found.source if found else "",
        "control": found.control if found else "",
        "control_value": found.control_value if found else None,
        "control_interval": _pair(found.control_interval) if found else None,
        "control_unit": found.control_unit if found else "share",
        "control_drawn": bool(found) and claim.control_drawn,
        "link": address_of(found.shown) if found else "",
    }
    ruled = {
        "rule": rule_words(claim.rule, claim.unit),
        "above": claim.rule.low,
        "below": claim.rule.high,
    }
    return Claim.model_validate(
        stated | measured | ruled | {"verdict": judged.verdict, "reason": judged.reason},
    )


def address_of(figure: Figure) -> str:
    """Of the page that shows it, at its panel."""
    page = PAGES.get(figure.subject, figure.subject)
    query = f"?{urlencode(figure.settings, safe='/')}" if figure.settings else ""
    panel = f"#{page}-{figure.name}-panel" if figure.name else ""
    return f"/{page}{query}{panel}"


def _pair(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)
