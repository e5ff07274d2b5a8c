"""/api/claims: every claim that can be tested, judged on this build and on the others here."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response

from backend.core.claims import Judged, judge_all
from backend.core.claims.measures import Sources
from backend.core.claims.rules import Edit, Figure, plain_words, rule_words
from backend.core.companions.served import KINDS
from backend.routes.browse.claims_written import WRITTEN, Stated
from backend.routes.request.kept_route import kept_by
from backend.routes.request.served import Served
from backend.schemas import Claim, ClaimList
from backend.schemas.browse.claims import ClaimOfBuild, JudgedBuild, JudgedBuildList
from backend.schemas.queries import ClaimsQuery

router = APIRouter(tags=["claims"], route_class=kept_by(*KINDS))
# not kept: what it says depends on files of other builds too, and it keeps those itself
builds_router = APIRouter(tags=["claims"])

PAGES = {"experiments": "claims"}  # of subjects that have no page of their own


@router.get(
    "/claims",
    response_model=ClaimList,
    responses={200: {"content": {"text/csv": {}, "application/x-bibtex": {}}}},
)
def read_claims(query: Annotated[ClaimsQuery, Query()], served: Served) -> ClaimList | Response:
    """All claims with their numbers and verdicts; what this build lacks makes a claim “not
    tested”. As CSV or BibTeX too, with the build's identity in every entry.
    """
    sources = Sources(served.build.require, served.build.companions())
    found = ClaimList(claims=[claim_of(one, served.base) for one in judge_all(sources)])
    if query.format == "json":
        return found
    identity = served.build.identity() or "no build"
    written = WRITTEN[query.format]
    stated = Stated(served.preset.title, identity, served.version)
    headers = {"Content-Disposition": f'attachment; filename="claims-{identity}.{query.format}"'}
    return Response(
        written.write(found.claims, stated), media_type=written.media_type, headers=headers
    )


@builds_router.get("/claims/builds")
def judge_builds(served: Served) -> JudgedBuildList:
    """The same claims by the same rules on every build that is ready on this machine: the one
    being served first, then those of other presets.
    """
    here = served.build.identity()
    return JudgedBuildList(
        builds=[
            JudgedBuild(
                preset=preset.name,
                model=preset.title,
                build=path.name,
                identity=identity,
                served=identity == here,
                claims=[_of_build(one) for one in judged],
            )
            for preset, path, identity, judged in served.judged.all(served.build)
        ]
    )


def _of_build(judged: Judged) -> ClaimOfBuild:
    fields = set(ClaimOfBuild.model_fields)
    return ClaimOfBuild.model_validate(claim_of(judged, "").model_dump(include=fields))


def claim_of(judged: Judged, base: str) -> Claim:
    """As the API writes it. `base`: what stands before the paths of its pages."""
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
        "link": base + address_of(found.shown) if found else "",
        "edit": _edit(found.edit) if found and found.edit else None,
    }
    ruled = {
        "rule": rule_words(claim.rule, claim.unit),
        "above": claim.rule.low,
        "below": claim.rule.high,
        "verdict": judged.verdict,
        "reason": judged.reason,
        "plain": plain_words(claim, judged.verdict, found),
    }
    layers = [
        {
            "sae_id": one.sae_id,
            "layer": one.layer,
            "value": one.measured.value,
            "interval": _pair(one.measured.interval),
            "verdict": one.verdict,
        }
        for one in judged.layers
    ]
    return Claim.model_validate(stated | measured | ruled | {"layers": layers})


def address_of(figure: Figure) -> str:
    """Of the page that shows it, at its panel."""
    page = PAGES.get(figure.subject, figure.subject)
    query = f"?{urlencode(figure.settings, safe='/')}" if figure.settings else ""
    panel = f"#{page}-{figure.name}-panel" if figure.name else ""
    return f"/{page}{query}{panel}"


def _edit(edit: Edit) -> dict[str, object]:
    return {
        "sae_id": edit.sae_id,
        "feature_index": edit.feature_index,
        "value": edit.value,
        "positions": edit.positions,
    }


def _pair(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)
