"""The OpenAPI document is true, and no request that it allows (or nearly) makes the server fail."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import yaml
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from django.urls import URLResolver, get_resolver
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from knox.models import AuthToken

from engine.steps import registry
from tests.engine import kinds
from tests.thread import *  # noqa: F403 - rows on the whole thread, so that what is asked for is there

EXAMPLES = 15  # of each operation
ASKED: Counter[str] = Counter()
STATUSES: Counter[int] = Counter()
AT_MOST = settings(
    max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def test_the_document_is_valid_and_says_all_it_should(tmp_path):
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yaml"))
    said = yaml.safe_load((tmp_path / "schema.yaml").read_text())["paths"]
    named = re.compile(r"<(?:\w+:)?(\w+)>")
    addresses = {route for route in api_routes() if route not in ("/api/schema/", "/api/docs/")}
    # What a route calls pk is called id in the document.
    assert {named.sub(r"{\1}", route).replace("{pk}", "{id}") for route in addresses} == set(said)


def api_routes(resolver: URLResolver | None = None, above: str = "/") -> Iterator[str]:
    for one in (resolver or get_resolver()).url_patterns:
        route = above + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from api_routes(one, route)
        elif route.startswith("/api/"):
            yield route


@pytest.fixture
def schema(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The document as the server gives it, and the server in this process, on the connection of this test."""
    kinds.hand_in({n: kind for n, kind in registry().items() if n != "test.probe"}, monkeypatch)  # it has no words
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield schemathesis.openapi.from_wsgi("/api/schema/?format=json", get_wsgi_application())
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def there(asking: Any, quote: Any, session: Any, alice: Any) -> dict[str, Any]:
    """What path parameters may name that is really there, by what the path begins with."""
    run = asking.run
    return {
        "/api/deployments/{id}": {"id": run.deployment_id, "criterion": "drift"},
        "/api/research/": {"session": session.pk, "id": str(quote.pk)},
        "/api/runs/{id}": {"id": run.pk, "leaf": asking.leaf},
        "/api/templates/{name}": {"name": run.revision.template.name},
        "/api/trace/observation/": {"id": str(quote.pk)},
        "/api/trace/run/": {"id": run.pk},
    }


def test_no_request_makes_the_server_fail(schema, there, alice, team, capsys):
    """As Alice, who may do most; each example is undone. Half of them ask for what is there."""
    team.add(alice, "engineer", "champion", "admin", "researcher")
    headers = {"Authorization": f"Token {AuthToken.objects.create(alice)[1]}"}
    operations = [found.ok() for found in schema.get_all_operations()]
    failed: dict[str, str] = {}

    for operation in operations:

        @AT_MOST
        @given(case=operation.as_strategy(), known=st.booleans())
        def ask(case: Any, known: bool) -> None:
            path = case.operation.path
            for start, values in there.items():
                if known and path.startswith(start):
                    case.path_parameters = {**(case.path_parameters or {}), **values}
            with transaction.atomic():
                answer = case.call(headers=headers)
                transaction.set_rollback(True)
            ASKED[case.operation.label] += 1
            STATUSES[answer.status_code // 100] += 1
            if answer.status_code >= 500:
                failed.setdefault(case.operation.label, f"{case.as_curl_command()}\n{answer.content[:500]!r}")

        ask()
    with capsys.disabled():
        print(f"\nschemathesis: {len(operations)} operations, {ASKED.total()} examples, answers {dict(STATUSES)}")
    assert failed == {}
    assert len(ASKED) == len(operations) >= 29
