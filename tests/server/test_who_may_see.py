"""Every page about something of somebody's: to whom it does not exist, and who may do what there."""

import uuid

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from engine.models import Schedule
from tests.conftest import signed_in

PUBLIC = {"consent", "invitation", "help-document", "help-picture"}  # the secret in the address is the key
EVERYBODYS = {
    "persona", "journey", "template", "template-start", "kind", "trace-leaf", "journey-review", "cell", "step-evidence",
    "schedule-new", "journey-compare",
}  # fmt: skip
CHAMPIONS = {
    "journey-edit", "journey-derive", "journey-import", "journey-undo", "journey-version", "template-publish",
    "template-limit",
}  # fmt: skip
FORBIDDEN = {*CHAMPIONS, "journey-draft"}  # of a thing that everybody sees: 403, and not 404
MINE = {"token-revoke"}  # one's own alone
THEIRS = {
    "run", "run-events", "run-cancel", "run-resume", "run-step", "run-approve", "run-confirm", "run-evidence", "trace",
    "deployment", "deployment-rollback", "deployment-remove", "deployment-restore", "criterion-confirm", "team",
    "deployment-config", "deployment-scale", "deployment-log",
    "invite", "membership-remove", "run-pause", "run-continue", "run-steps", "run-tell", "run-compare", "limits",
    "schedule", "schedule-pause", "schedule-remove", "schedule-restore",
}  # fmt: skip
ENGINEERS = {
    "run-cancel", "run-resume", "run-pause", "run-continue", "run-tell", "limits", "schedule", "schedule-pause",
    "schedule-remove", "deployment-config", "deployment-scale",
    "deployment-rollback", "deployment-remove", "deployment-restore", "criterion-confirm",
}  # fmt: skip
OTHERS = {"library-text", "library-serve"}  # not ours


def named(resolver: URLResolver | None = None, above: str = "") -> dict[str, str]:
    """{name: route} of every address of a page with a parameter in it."""
    found: dict[str, str] = {}
    for one in (resolver or get_resolver()).url_patterns:
        route = above + str(one.pattern)
        if isinstance(one, URLResolver):
            found |= named(one, route)
        elif isinstance(one, URLPattern) and one.name and "<" in route:
            found[one.name] = route
    return found


PAGES = {
    name: route
    for name, route in named().items()
    if not route.startswith(("api/", "accounts/")) and "auth" not in route
}
ROOMS = ("studies/", "cases/", "sessions/", "observations/", "insights/", "consents/", "evidence/")
RESEARCH = {name for name, route in PAGES.items() if route.startswith(ROOMS)}


@pytest.fixture
def schedule(run, team, alice) -> Schedule:
    return Schedule.objects.create(team=team, template=run.revision.template, cron="0 9 * * *", made_by=alice)


@pytest.fixture
def removed(schedule) -> Schedule:
    made = Schedule.objects.create(team=schedule.team, template=schedule.template, cron="0 8 * * *")
    made.remove()
    return made


@pytest.fixture
def arguments(
    live, run, asking, version, session, participant, case, quote, insight, study, team, current, schedule, removed
):
    """For each parameter that occurs, that of Alice's thing; some addresses say more."""
    step = current.steps.get(key="match-features")
    consent = participant.consents.get()
    common = {
        "team": "retention", "target": "dummy", "name": "churn", "criterion": "drift", "slug": study.slug,
        "study": study.slug, "number": participant.number, "session": session.pk, "kind": "observation",
        "observation": quote.pk, "state": "current", "leaf": "parity", "token": consent.token, "key": "nobodys",
        "version": 1, "pk": 1, "step_pk": asking.pk,
    }  # fmt: skip
    ship = {"slug": "ship"}
    special = {
        **dict.fromkeys(("journey", "journey-edit", "journey-draft", "journey-import", "journey-derive", "journey-undo",
                         "journey-version", "journey-compare"), ship),
        "journey-review": {**ship, "pk": version.pk}, "persona": {"slug": "ml-engineer"}, "kind": {"name": "manual"},
        **{key: {"name": "ship-it"} for key in ("template", "template-publish", "template-start", "template-limit")},
        **{key: {"pk": run.pk} for key in [n for n in PAGES if n.startswith("run")]},
        "run-compare": {"pk": run.pk, "other": run.pk}, "limits": {"slug": team.slug},
        **{key: {"pk": schedule.pk} for key in [n for n in PAGES if n.startswith("schedule-") or n == "schedule"]},
        "schedule-new": {"name": "ship-it"}, "schedule-restore": {"pk": removed.pk},
        "trace": {"kind": "run", "pk": run.pk}, "trace-leaf": {"pk": run.revision_id},
        "cell": {"pk": step.cells.first().pk}, "step-evidence": {"pk": step.pk},
        **{key: {"slug": team.slug} for key in ("team", "invite")},
        "membership-remove": {"slug": team.slug, "pk": team.memberships.first().pk},
        **{key: {"pk": case.pk} for key in ("case", "case-change")}, "consent-withdraw": {"pk": consent.pk},
        **{key: {"pk": insight.pk} for key in RESEARCH if key.startswith(("insight", "evidence-d", "evidence-m"))},
        **{key: {"pk": session.pk} for key in [n for n in RESEARCH if n.startswith("session")]},
        **{key: {"pk": quote.pk} for key in [n for n in RESEARCH if n.startswith("observation")]},
        "help-document": {"name": "apps"}, "help-picture": {"name": "screenshot.png"},
        "observation-new": {"pk": session.pk}, "study-member-remove": {"pk": study.members.first().pk},
        **{key: {"kind": "observation", "pk": quote.pk} for key in ("evidence-remove", "evidence-restore")},
    }  # fmt: skip

    def address(name: str) -> str:
        wanted = [part.split(":")[-1].split(">")[0] for part in PAGES[name].split("<")[1:]]
        return reverse(name, kwargs={key: {**common, **special.get(name, {})}[key] for key in wanted})

    return address


def answers(client, address: str) -> set[int]:
    return {client.get(address).status_code, client.post(address).status_code} - {405}


def test_every_page_is_in_the_table():
    """Somebody who adds a page says here who may see it."""
    assert set(PAGES) - PUBLIC - EVERYBODYS - FORBIDDEN - MINE - THEIRS - RESEARCH - OTHERS == set()


def test_to_a_stranger_it_does_not_exist(arguments, as_charlie):
    names = (THEIRS | RESEARCH | MINE) & set(PAGES)
    assert {name: found for name in names if (found := answers(as_charlie, arguments(name))) != {404}} == {}


def test_who_is_not_signed_in_is_asked_to(arguments, client):
    for name in set(PAGES) - PUBLIC - OTHERS:
        assert answers(client, arguments(name)) <= {302, 403, 404}, name
        page = client.get(arguments(name))
        assert page.status_code in (404, 405) or page.headers["Location"].startswith("/accounts/login/"), name


@pytest.mark.parametrize("who", ["charlie", "vera", "bob"])
def test_what_is_everybodys_is_read_by_everybody(who, arguments, request):
    client = signed_in(request.getfixturevalue(who))
    assert {name: client.get(arguments(name)).status_code for name in EVERYBODYS} == dict.fromkeys(EVERYBODYS, 200)


@pytest.mark.parametrize("who", ["charlie", "vera", "bob"])
def test_what_is_the_champions_is_forbidden_to_others(who, arguments, request):
    client = signed_in(request.getfixturevalue(who))
    found = {name: client.post(arguments(name), {"revision": 1}).status_code for name in FORBIDDEN}
    assert found == dict.fromkeys(FORBIDDEN, 403)


def test_a_viewer_of_the_team_may_not_change_what_it_runs(arguments, vera):
    client = signed_in(vera)
    found = {name: client.post(arguments(name)).status_code for name in ENGINEERS}
    assert found == dict.fromkeys(ENGINEERS, 403)


def test_somebody_on_the_team_sees_it(arguments, vera):
    client = signed_in(vera)
    for name in THEIRS - {"run-events", "schedule"}:  # the form is for those who may change it
        assert client.get(arguments(name)).status_code in (200, 405), name


@pytest.mark.parametrize("kind", ["run", "step", "observation"])
def test_a_trace_starts_only_from_what_one_may_see(kind, arguments, as_charlie, asking, quote):
    start = {"run": asking.run_id, "step": asking.pk, "observation": quote.pk}[kind]
    assert as_charlie.get(reverse("trace", args=[kind, start])).status_code == 404
    assert as_charlie.get(reverse("trace", args=[kind, uuid.uuid4()])).status_code == 404
