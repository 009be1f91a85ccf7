"""Nobody meets a word of the platform or another persona's own word: on a page, in an error, in a starter, in a kind.

A word pack says which words are its own. What another persona wrote may be shown as theirs (`data-theirs`).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any
from zipfile import ZipFile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from engine.actions import judge
from engine.actions.start_run import StartRun
from engine.definition.vocabulary import FILE_TYPES
from engine.models import Artefact, Deployment, Release, Revision, Run, StepRun, Target, Template
from engine.statuses import RunState
from engine.steps import registry
from engine.targets.base import Kind, Workload
from engine.workers import executor
from people.models import Persona, Role, Team, User
from people.models.persona import pack, shipped
from server import example, starters
from tests.conftest import CHECKOUT, signed_in
from tests.engine.endpoint import FILES, PREPARED, Endpoint, answering, figure, model_file
from tests.leaks import leaks, of_anybody, sentences, visible
from tests.thread import release

PERSONAS = shipped()


@pytest.fixture(params=PERSONAS)
def persona(request: pytest.FixtureRequest, db: None) -> Persona:
    Persona.objects.bring()
    starters.bring()
    return Persona.objects.get(slug=request.param)


@pytest.fixture
def team(db: None) -> Team:
    return Team.objects.create(name="Retention", slug="retention")


@pytest.fixture
def sam(persona: Persona, team: Team) -> User:
    """Somebody of this persona, who starts things on their team."""
    made = User.objects.create_user(username="sam", first_name="Sam", password="walk the grass", persona=persona)
    team.add(made, Role.ENGINEER, Role.ADMIN)
    return made


@pytest.fixture
def as_sam(sam: User) -> Client:
    return signed_in(sam)


@pytest.fixture
def starter(persona: Persona) -> Revision:
    found = Template.objects.get(starter=True, persona=persona).published
    assert found
    return found


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """What answers, and a target on which every job comes to something that reads well."""
    with answering() as found:
        target = found.target
        target.comes_to("inspect", {"estimator": "LogisticRegression", "columns": ["age"], "task": "classification"})
        target.comes_to("prepare", PREPARED, files=FILES)
        target.comes_to("evaluate", figure(0.81, 0.75, 0.86))
        target.comes_to("parity", {"warnings": [], "columns": 1})
        monkeypatch.setattr("engine.models.target.connect", lambda kind: target)
        yield found


def folder() -> bytes:
    """A folder with a Procfile, as a .zip."""
    packed = io.BytesIO()
    with ZipFile(packed, "w") as file:
        file.writestr("Procfile", "web: python app.py\n")
        file.writestr("app.py", "print('here')\n")
        file.writestr("requirements.txt", "")
    return packed.getvalue()


BROUGHT = {"model": ("it.pkl", model_file), "folder": ("it.zip", folder)}


def brought(revision: Revision, team: Team, user: User, address: str) -> dict[str, Any]:
    """A value for each input that has to be there."""
    found: dict[str, Any] = {}
    for name, spec in revision.parsed.inputs.items():
        if spec.optional:
            continue
        if spec.type in FILE_TYPES:
            called, make = BROUGHT.get(spec.type, ("it.csv", lambda: b"age,left\n40,1\n"))
            found[name] = Artefact.objects.keep(io.BytesIO(make()), called, team, user).value()
        else:
            found[name] = {"number": 1, "integer": 1, "boolean": True}.get(spec.type, address or "true")
    return found


def work(run: Run) -> None:
    """Execute what is due, and what waits for its time as if it had come."""
    run.steps.filter(wake_at__isnull=False).update(wake_at=timezone.now())
    executor.drain()


def go_on(run: Run, user: User) -> None:
    """Execute what is due and answer what is asked, as long as something comes of it."""
    for _ in range(20):
        work(run)
        step = run.waiting_steps().first()
        if step is None or not step.asking:
            return
        if step.asking["verb"] == "approve":
            step.vote(user, approve=True)
        else:
            step.confirm(user)


@pytest.fixture
def run(starter: Revision, team: Team, sam: User, endpoint: Endpoint) -> Run:
    """The starter, begun and not yet gone anywhere."""
    target = Target.objects.create(team=team, name="here", kind="dummy")
    return StartRun(starter, team, sam, brought(starter, team, sam, endpoint.target.address), "first", target).execute()


@pytest.fixture
def finished(run: Run, sam: User, endpoint: Endpoint) -> Run:
    """Gone as far as it goes; what it made live is judged, and did once answer."""
    go_on(run, sam)
    place = Deployment.objects.get()
    if not place.releases.exists():  # a starter that leaves the releasing to a command
        for made in (release(place, 1, 0, run), release(place, 2, 100, run)):
            endpoint.target.apply(Workload(made.workload, Kind.SERVICE, ("true",)))
        place.releases.update(artefact_name="it.zip")
    judge.judge(place)
    run.refresh_from_db()
    assert run.ended
    return run


def second(place: Deployment) -> None:
    """The same released once more, and live."""
    made = Release.objects.get(deployment=place)
    place.releases.update(weight=0)
    made.pk, made.number, made.effect, made.weight = None, 2, f"{made.effect}-2", 100
    made.save()


def clean(client: Client, persona: Persona, at: str, *, status: int = 200, **data: Any) -> str:
    """A page that answers so, to whoever is signed in, and says nothing it should not; its text."""
    answer = client.post(at, data, follow=True) if data else client.get(at, follow=True)
    assert answer.status_code == status, at
    assert not answer.request["PATH_INFO"].startswith("/accounts/"), at
    text = visible(answer.content.decode())
    assert leaks(text, persona.slug) == [], f"{at} to {persona.plural}"
    return text


# --- pages -----------------------------------------------------------------------------------------------------------

EMPTY = [
    "/", "/new/", "/live/", "/runs/", "/templates/", "/waiting/", "/journeys/", "/studies/", "/insights/", "/outcomes/",
    "/search/", "/search/?q=nothing", "/settings/", "/settings/teams/retention/", "/settings/teams/retention/limits/",
    "/audit/", "/kinds/",
]  # fmt: skip


@pytest.mark.parametrize("address", EMPTY)
def test_where_nothing_is_yet(as_sam, persona, address):
    clean(as_sam, persona, address)


@pytest.mark.parametrize("address", EMPTY)
def test_once_something_is_live(as_sam, persona, finished, address):
    clean(as_sam, persona, address)


def test_what_the_example_is_and_what_its_removal_would_take(as_sam, persona, sam):
    Team.objects.create(name="Example", slug=example.TEAM, example=True).add(sam, Role.ADMIN)
    assert "Remove the example" in clean(as_sam, persona, "/settings/example/")


def test_their_template_how_it_starts_and_what_would_happen(as_sam, persona, starter, endpoint, team, sam):
    at = f"/templates/{starter.template.name}/"
    Target.objects.create(team=team, name="here", kind="dummy")
    clean(as_sam, persona, at)
    clean(as_sam, persona, f"{at}start/")
    clean(as_sam, persona, f"{at}schedules/new/")
    refused = clean(as_sam, persona, f"{at}start/", name="Not A Name", plan="1")
    assert "is not a name: small letters, digits and -" in refused
    kept = brought(starter, team, sam, endpoint.target.address)
    given = {name: value["sha256"] if isinstance(value, dict) else value for name, value in kept.items()}
    told = clean(as_sam, persona, f"{at}start/", name="first", team=team.pk, plan="1", **given)
    assert "Nothing has been started or changed" in told


# What is said of a file that is not of its input's type. A table is read by the step that measures with it.
NOT_SO = {"model": "This is not a model: it does not begin like one", "folder": "This is no folder that can be read"}
FILES_OF = {"ml-engineer": ["model"], "app-developer": ["folder"], "data-engineer": []}  # that have to be there


def test_a_file_that_is_not_what_it_should_be_is_refused_in_their_words(as_sam, persona, starter, team):
    inputs = starter.parsed.inputs.items()
    files = {name: spec.type for name, spec in inputs if spec.type in FILE_TYPES and not spec.optional}
    assert list(files.values()) == FILES_OF[persona.slug]
    at = f"/templates/{starter.template.name}/start/"
    for name, type_ in files.items():
        wrong: dict[str, Any] = {name: SimpleUploadedFile("it.txt", b"not what it should be")}
        told = clean(as_sam, persona, at, name="first", team=team.pk, plan="1", **wrong)
        assert NOT_SO[type_] in told
        assert "Nothing has been started or changed" not in told
    assert not Run.objects.exists()


def test_every_step_kind_of_theirs(as_sam, persona, starter):
    document = starter.parsed
    for name in {leaf.uses for leaf in [*document.flow.leaves(), *document.done]}:
        assert registry()[name].page
        clean(as_sam, persona, f"/kinds/{name}/")


def test_a_run_as_it_begins_and_once_it_has_ended(as_sam, persona, run, sam):
    clean(as_sam, persona, f"/runs/{run.pk}/")
    go_on(run, sam)
    clean(as_sam, persona, f"/runs/{run.pk}/")
    clean(as_sam, persona, f"/runs/{run.pk}/steps/")
    clean(as_sam, persona, f"/runs/{run.pk}/evidence/")
    for step in run.steps.filter(purpose=StepRun.Purpose.LEAF):
        clean(as_sam, persona, f"/runs/{run.pk}/steps/{step.pk}/")
        clean(as_sam, persona, f"/trace/step/{step.pk}/")


def test_a_run_that_failed_and_how_it_goes_on(as_sam, persona, run, endpoint):
    endpoint.target.breaks("The machine is switched off.")
    for _ in range(100):
        work(run)
    run.refresh_from_db()
    assert run.state == RunState.FAILED
    clean(as_sam, persona, f"/runs/{run.pk}/")
    clean(as_sam, persona, f"/runs/{run.pk}/resume/")
    for verb in ("pause", "continue", "cancel"):
        clean(as_sam, persona, f"/runs/{run.pk}/{verb}/", any="1")


def test_what_is_live_and_the_verbs_on_it(as_sam, persona, finished, monkeypatch):
    monkeypatch.setattr("engine.deployments.model_release.restart_release", lambda target, release: None)
    monkeypatch.setattr("engine.deployments.model_release.wait_until_ready", lambda target, release: None)
    at = "/live/retention/here/first/"
    clean(as_sam, persona, at)
    for criterion in [*finished.revision.parsed.done]:
        clean(as_sam, persona, f"{at}done/{criterion.id}/confirm/", comment="seen")
    place = Deployment.objects.get()
    if place.releases.count() == 1:
        second(place)
    assert " 1 answers again" in clean(as_sam, persona, f"{at}rollback/", any="1")
    assert "no release before this one" in clean(as_sam, persona, f"{at}rollback/", any="1")
    clean(as_sam, persona, f"{at}remove/", any="1")
    clean(as_sam, persona, at)
    clean(as_sam, persona, f"{at}remove/", any="1")
    clean(as_sam, persona, "/live/")
    clean(as_sam, persona, f"{at}restore/", any="1")
    assert Deployment.objects.there().get() == place


def test_what_is_not_there_not_theirs_or_not_readable(as_sam, persona, run, sam, team):
    for address in ("/nowhere/", "/runs/999/", "/live/retention/here/nothing/", "/templates/nothing/", "/trace/x/1/"):
        clean(as_sam, persona, address, status=404)
    clean(as_sam, persona, "/drop/", any="1")
    clean(as_sam, persona, "/drop/", file=SimpleUploadedFile("it.txt", b"not what it should be"))
    clean(as_sam, persona, "/journeys/new/")
    answer = Client(enforce_csrf_checks=True).post("/runs/1/cancel/")
    assert answer.status_code == 403
    assert leaks(visible(answer.content.decode()), persona.slug) == []


def test_their_persona_and_nobody_elses(as_sam, persona):
    clean(as_sam, persona, f"/personas/{persona.slug}/")


# --- what the terminal is answered -----------------------------------------------------------------------------------


def refused(client: Client, persona: Persona, at: str, **data: Any) -> str:
    """What the terminal would print of a refusal."""
    answer = client.post(at, data, content_type="application/json") if data else client.get(at)
    assert answer.status_code >= 400, answer.content
    text = answer.content.decode()
    assert leaks(text, persona.slug) == [], f"{at} to {persona.plural}"
    return text


def test_what_the_terminal_is_refused(as_sam, persona, finished, team):
    place = Deployment.objects.get()
    name = finished.revision.template.name
    assert "is needed" in refused(as_sam, persona, "/api/runs/", template=name, team=team.slug, name="second")
    refused(as_sam, persona, "/api/runs/", template=name, team=team.slug, name="No Name", inputs={"nothing": 1})
    refused(as_sam, persona, "/api/runs/", template="nothing", team=team.slug)
    refused(as_sam, persona, f"/api/runs/{finished.pk}/cancel/", any=1)
    refused(as_sam, persona, f"/api/runs/{finished.pk}/resume/", any=1)
    refused(as_sam, persona, "/api/deployments/999/")
    refused(as_sam, persona, f"/api/deployments/{place.pk}/done/nothing/confirm/", any=1)


def test_what_the_terminal_is_told(as_sam, persona, finished):
    """What is live and how it got there, as `ls`, `status` and `run status` read it: the values, not their names."""
    place = Deployment.objects.get()
    for at in ("/api/deployments/", f"/api/deployments/{place.pk}/", f"/api/runs/{finished.pk}/"):
        said = "\n".join(texts(as_sam.get(at).json()))
        assert leaks(said, persona.slug) == [], f"{at} to {persona.plural}"


def texts(answer: Any) -> Iterator[str]:
    if isinstance(answer, dict | list):
        for inner in answer.values() if isinstance(answer, dict) else answer:
            yield from texts(inner)
    elif isinstance(answer, str):
        yield answer


# --- what stands in files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", PERSONAS)
def test_a_pack_says_nothing_it_should_not(slug):
    found = pack(slug)
    said = [*found["words"].values(), *(found[key] for key in ("name", "plural", "incentives", "done"))]
    assert leaks("\n".join(said), slug) == []


@pytest.mark.parametrize("slug", PERSONAS)
def test_a_starter_says_nothing_it_should_not(slug):
    (file,) = [f for f in starters.FOLDER.glob("*.yaml") if f"persona: {slug}\n" in f.read_text()]
    assert leaks(file.read_text(), slug) == []


@pytest.mark.parametrize("shipped", example.STUDIES, ids=lambda shipped: shipped.persona)
def test_what_the_example_becomes_says_nothing_it_should_not(shipped):
    assert leaks(shipped.ideal(), shipped.persona) == []


def used_by(slug: str) -> set[str]:
    """The kinds that this persona's starter is made of."""
    (file,) = [f for f in starters.FOLDER.glob("*.yaml") if f"persona: {slug}\n" in f.read_text()]
    return set(re.findall(r"uses: ([a-z_.]+)", file.read_text()))


@pytest.mark.parametrize("slug", PERSONAS)
def test_the_kinds_of_a_starter_say_nothing_they_should_not(slug):
    """Their words, their pages, and the sentences in their code: what they note, ask and refuse."""
    found = {}
    for name in used_by(slug):
        kind = registry()[name]
        words = {**kind.words["plain"], **kind.words[slug]}
        helps = [field.description or "" for field in kind.form.model_fields.values()]
        code = sentences(kind.folder / "kind.py")
        if wrong := leaks("\n".join([*words.values(), kind.page, *helps, *code]), slug):
            found[name] = wrong
    assert found == {}


# What is for those who run the server, what the example's walk tells, what is about a model file or an app's
# folder alone, and the help of a field that only researchers fill in.
APART = (
    "migrations", "management", "server/demo/", "server/installation/", "server/help/", "server/example.py",
    "engine/deployments/model_release.py",
    "engine/artefacts/app_folder.py", "engine/doorbell.py", "engine/steps/", "engine/runtimes/", "engine/targets/",
    "engine/telemetry/xes.py", "engine/telemetry/spans.py", "research/models/case.py",
)  # fmt: skip
SHARED = [
    file
    for room in ("people", "research", "engine", "journeys", "server")
    for file in sorted((CHECKOUT / room).rglob("*.py"))
    if not any(part in str(file.relative_to(CHECKOUT)) for part in APART)
]


@pytest.mark.parametrize("file", SHARED, ids=lambda file: str(file.relative_to(CHECKOUT)))
def test_what_is_said_to_everybody_is_nobodys_own_word(file):
    assert of_anybody("\n".join(sentences(file))) == []


# The verbs that begin with what one persona has say its words; all others are everybody's.
THEIR_VERBS = ("serve",)
THEIR_FILES = {"app_verbs": "app-developer", "folders": "app-developer"}
TERMINAL = [
    "checkout_verbs", "cli", "client", "clock_verbs", "login", "connection", "run_verbs", "served",
    "template_verbs", "terminal", "trace_verbs",
    "words",
]  # fmt: skip


@pytest.mark.parametrize("name", TERMINAL)
def test_the_terminal_says_nobodys_own_word(name):
    assert of_anybody("\n".join(sentences(CHECKOUT / "desirepath" / f"{name}.py", but=THEIR_VERBS))) == []


@pytest.mark.parametrize(("name", "slug"), THEIR_FILES.items())
def test_the_verbs_of_one_persona_say_no_others_word(name, slug):
    assert leaks("\n".join(sentences(CHECKOUT / "desirepath" / f"{name}.py")), slug) == []


PAGES = [file for file in sorted((CHECKOUT / "templates").rglob("*.html")) if file.name != "look.html"]


@pytest.mark.parametrize("file", PAGES, ids=lambda file: str(file.relative_to(CHECKOUT / "templates")))
def test_what_pages_say_by_themselves_is_nobodys_own_word(file):
    text = re.sub(r"\{[{%].*?[%}]\}", " ", file.read_text())
    assert of_anybody(re.sub(r"<[^>]*>", " ", text)) == []
