"""Who is in every test: Alice owns, Bob is on the team, Charlie has no access."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoDbBlocker
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from engine.models.template import pinned
from engine.queue import concurrency
from people.models import Persona, Role, Team, User
from research.models import Activity, Case, Consent, Observation, Participant, Session, Study, StudyRole
from tests import made_once

CHECKOUT = Path(__file__).resolve().parent.parent


made = made_once.session()


def pytest_configure() -> None:
    """Before the workers of xdist start, so that they find the folder in their environment."""
    made.__enter__()


def pytest_unconfigure() -> None:
    made.__exit__(None, None, None)


# Files whose tests share a running home or server stay on one worker; every other test goes where there is room.
ON_ONE_WORKER = {
    "tests/desirepath/test_cli.py": "terminal", "tests/desirepath/test_login.py": "terminal",
    "tests/desirepath/test_install.py": "installed", "tests/acceptance/test_bad_input.py": "bad input",
    "tests/acceptance/test_apps.py": "apps", "tests/acceptance/test_service_page.py": "service page",
    "tests/engine/runtimes/test_server.py": "model server",
}  # fmt: skip


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Such files first, then one test at a time. (pytest 9.2 does away with what xdist's own groups are stored in.)"""

    def _split_scope(self, nodeid: str) -> str:
        return ON_ONE_WORKER.get(nodeid.partition("::")[0], nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    return Scheduling(config, log)


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """This process's database is a copy of one that was migrated once.

    On SQLite it is the file of this process's home (tests/settings.py), on PostgreSQL a database of its own.
    """
    with django_db_blocker.unblock():
        connection.close()
        if connection.vendor == "sqlite":
            shutil.copy(made_once.migrated_file(), connection.settings_dict["NAME"])
            yield
            return
        server = os.environ["DATABASE_URL"]
        address = made_once.new_database(server, made_once.migrated_database(server))
        connection.settings_dict["NAME"] = urlsplit(address).path[1:]
        yield
        connection.close()
        made_once.drop_database(address)


@pytest.fixture(autouse=True)
def nothing_known() -> None:
    """What a process keeps of rows: a test's are rolled back, and the next one's have the same numbers."""
    pinned.cache_clear()
    concurrency.limits.forget()


def person(name: str) -> User:
    return User.objects.create_user(username=name, first_name=name.capitalize(), password="walk the grass")


@pytest.fixture
def ml(db) -> Persona:
    Persona.objects.bring()
    return Persona.objects.get(slug="ml-engineer")


@pytest.fixture
def alice(ml) -> User:
    return person("alice")


@pytest.fixture
def bob(ml) -> User:
    return person("bob")


@pytest.fixture
def charlie(ml) -> User:
    return person("charlie")


@pytest.fixture
def team(alice, bob) -> Team:
    made = Team.objects.create(name="Retention", slug="retention")
    made.add(alice, Role.ADMIN, Role.RESEARCHER, Role.ENGINEER)
    made.add(bob, Role.ENGINEER)
    return made


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def as_alice(alice) -> Client:
    return signed_in(alice)


@pytest.fixture
def as_bob(bob) -> Client:
    return signed_in(bob)


@pytest.fixture
def as_charlie(charlie) -> Client:
    return signed_in(charlie)


@pytest.fixture
def study(alice, bob, team, ml) -> Study:
    """Alice leads it, Bob may read it, Charlie is not in it."""
    made = Study.objects.create(title="Shipping a model", persona=ml, team=team)
    made.add(alice, StudyRole.LEAD)
    made.add(bob, StudyRole.VIEWER)
    return made


@pytest.fixture
def participant(study: Study) -> Participant:
    one = study.new_participant()
    Consent.objects.create(participant=one, quotes=True, audience="team")
    return one


@pytest.fixture
def case(study) -> Case:
    return Case.objects.create(study=study, title="churn to production")


@pytest.fixture
def session(study, participant, case, alice) -> Session:
    """Under way since now."""
    made = Session.objects.create(study=study, case=case, watcher=alice)
    made.participants.add(participant)
    made.begin()
    return made


@pytest.fixture
def match_features(ml) -> Activity:
    return Activity.objects.named(ml, "Match features")


@pytest.fixture
def quote(session, participant, case, match_features) -> Observation:
    """41 minutes and 12 seconds in, P1 said it."""
    return Observation.objects.create(
        session=session,
        participant=participant,
        case=case,
        activity=match_features,
        kind="says",
        source="said",
        quote=True,
        at=2_472_000,
        text="If a column moved I find out from the on-call.",
    )


@pytest.fixture
def crowd(study: Study) -> list[Participant]:
    """Enough others that a quote gives nobody away."""
    return [study.new_participant() for _ in range(5)]
