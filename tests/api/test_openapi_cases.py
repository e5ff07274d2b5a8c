"""Generated requests against the OpenAPI document:
no 5xx, and every answer matches what the document says.

FUNCTIONSCOPE_CASES (default 150) is the number of cases at least; `make test-faults` asks for
2,000. One 503 is
let pass, and counted: results that belong beside a build and were never made for the tiny one.
"""

import contextlib
import itertools
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.python.asgi import ASGIClient
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from backend.settings import Settings
from tests.api.conftest import Serve

CASES = int(os.environ.get("FUNCTIONSCOPE_CASES", "150"))
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
UNMADE = "no results at "
# Small, so that a case is milliseconds; the bounds themselves are tested elsewhere.
BOUNDS = {
    "max_new_tokens": 4,
    "max_samples": 2,
    "max_prompt_tokens": 24,
    "max_interventions": 3,
    "max_page": 20,
}


@pytest.fixture(scope="module")
def app(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    runs = tmp_path_factory.mktemp("cases") / "runs.sqlite"
    return serve(settings=Settings(runs=Path(runs), threads=1, **BOUNDS))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def session(app: FastAPI) -> Iterator[ASGIClient]:
    with ASGIClient(app) as made:
        assert app.state.backend.live.ready.wait(20)
        yield made


def run_cases(
    operation: Any, session: ASGIClient, mode: GenerationMode, n: int, at: int, seen: Counter[str]
) -> None:
    """At most `n` requests of one operation, drawn from seed `at`; every answer is checked."""

    @seed(at)
    @hypothesis_settings(
        max_examples=n,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        reply = case.call(session=session)
        seen[f"{reply.status_code}"] += 1
        if reply.status_code >= 500:
            assert reply.status_code == 503, reply.text
            assert reply.json()["detail"].startswith(UNMADE), reply.text
        case.validate_response(reply, checks=CHECKS)

    # an endpoint without parameters cannot be asked wrongly
    with contextlib.suppress(Unsatisfiable):
        send()


def test_generated_requests_are_answered_as_documented(app: FastAPI, session: ASGIClient) -> None:
    schema = schemathesis.openapi.from_dict(app.openapi())
    schema.app = app
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 15
    seen: Counter[str] = Counter()
    for at in itertools.count():
        for operation in operations:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                run_cases(operation, session, mode, 1 + CASES // 200, at, seen)
        if sum(seen.values()) >= CASES:
            break
    print(
        f"{sum(seen.values())} cases over {len(operations)} operations: "
        f"{dict(sorted(seen.items()))}"
    )
    assert seen["200"] > 0
    assert seen["422"] > 0
