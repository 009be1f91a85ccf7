"""A name in any script is taken wherever a name is taken, has an address, and is shown as it was written."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote as encoded

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import Resolver404, resolve, reverse
from hypothesis import given
from hypothesis import strategies as st
from knox.models import AuthToken

from desirepath.client import name_for, plain_name
from engine.actions.start_run import Name, Refused, problem_of_name
from engine.definition import document as documents
from engine.deployments import model_release
from engine.models import Release, Template
from engine.steps import catalogue
from journeys.actions.derive import DeriveTemplate
from journeys.actions.draft import DraftCurrent, leaf_id
from journeys.models import Journey
from lib import names
from people.models import Team
from research.models import Activity, Observation, Study

NAMES = ["模型评估", "Исследование", "تقييم", "नमूना"]
in_any_script = pytest.mark.parametrize("name", NAMES)


# --- people and research ---------------------------------------------------------------------------------------------


@in_any_script
def test_a_team(as_alice, team, name):
    as_alice.post("/settings/teams/new/", {"name": name})
    made = Team.objects.get(name=name)
    assert made.slug == names.key(name, 80)
    assert name in as_alice.get(reverse("team", args=[made.slug])).content.decode()
    again = as_alice.post("/settings/teams/new/", {"name": name.upper()}).content.decode()
    assert f"There is a team with this name already ({made.slug})" in again


def test_a_team_of_emoji_is_refused_with_a_sentence(as_alice, team):
    page = as_alice.post("/settings/teams/new/", {"name": "🎉❤️"}).content.decode()
    assert "needs at least one letter or digit" in page


@in_any_script
def test_a_study(as_alice, team, ml, name):
    here = as_alice.post("/studies/new/", {"title": name, "persona": ml.pk}).headers["Location"]
    assert here == f"/studies/{encoded(names.key(name, 80))}/"
    assert name in as_alice.get(here).content.decode()
    file = as_alice.get(f"{here}csv/").headers["Content-Disposition"]
    assert file == f"attachment; filename*=utf-8''{encoded(names.key(name, 80))}.csv"


def test_studies_of_one_title_or_none_have_addresses(ml):
    titles = ["商店", "商店", "🎉", "字" * 120]
    made = [Study.objects.create(title=title, persona=ml).slug for title in titles]
    assert made == ["商店", "商店-2", "study", "字" * 70]


@in_any_script
def test_an_activity(ml, name):
    made = Activity.objects.named(ml, name)
    assert (made.key, made.name) == (names.key(name, 80), name)
    assert Activity.objects.named(ml, f" {name.upper()} ") == made


def test_one_activity_for_two_normal_forms_and_for_its_key_of_before(ml):
    made = Activity.objects.named(ml, "Étude")
    assert Activity.objects.named(ml, "e\u0301tude") == made
    before = Activity.objects.create(persona=ml, key="cafe", name="Café")
    assert Activity.objects.named(ml, "café") == before
    assert Activity.objects.named(ml, "Cafe") == before
    with pytest.raises(ValidationError, match="needs a letter or a digit"):
        Activity.objects.named(ml, "🎉")
    assert len(Activity.objects.named(ml, "字" * 3000).key) == 80


# --- journeys --------------------------------------------------------------------------------------------------------


@in_any_script
def test_a_journey(as_alice, team, study, ml, name):
    here = as_alice.post("/journeys/new/", {"title": name, "persona": ml.pk, "study": study.pk}).headers["Location"]
    assert here == f"/journeys/{encoded(names.key(name, 63))}/"
    assert name in as_alice.get(here).content.decode()


def test_a_map_is_drafted_from_foreign_activities_and_derived(seen, session, participant, case, study, ml, as_alice):
    rows = {"session": session, "participant": participant, "case": case, "source": "seen", "kind": "does"}
    for place, name in enumerate(NAMES):
        activity, at = Activity.objects.named(ml, name), 4_000_000 + place * 1000
        Observation.objects.create(**rows, at=at, until=at + 500, text=name, activity=activity)
    made = Journey.objects.create(persona=ml, study=study, slug="模型", title="模型")
    drawn = DraftCurrent(made).execute()
    steps = {step.title: step for step in drawn.steps.all()}
    assert set(NAMES) < set(steps)
    assert all(step.key.isascii() for step in steps.values())
    assert steps["Match features"].key == "match-features"
    assert [row.text for row in steps["नमूना"].evidence_rows()] == ["नमूना"]
    page = as_alice.get(reverse("journey", args=["模型"])).content.decode()
    assert all(name in page for name in NAMES)
    for step in steps.values():
        drawn.change_leaf(step.key, lambda leaf: replace(leaf, uses="manual"))
    derived = DeriveTemplate(drawn, None).execute()
    assert derived.template.name == "模型"
    assert {leaf.title for leaf in derived.parsed.flow.leaves()} >= set(NAMES)
    shown = as_alice.get(reverse("template", args=["模型"])).content.decode()
    assert all(name in shown for name in NAMES)
    again = DraftCurrent(made).execute()
    assert {step.title: step.pk for step in again.steps.all()} == {title: step.pk for title, step in steps.items()}


def test_a_leaf_that_a_map_holds_keeps_its_id():
    assert leaf_id("2-reviews", {"2-reviews"}) == "2-reviews"
    assert leaf_id("2-reviews") == "n-2-reviews"
    assert leaf_id("open-the-file") == "open-the-file"


# --- workflows and what runs -----------------------------------------------------------------------------------------


def test_a_template_is_written_stored_used_and_fetched(as_alice, alice):
    text = "desirepath: 1\ntemplate: 模型评估\ntitle: T\nflow:\n  - {id: wait, uses: manual}\n"
    Template.objects.keep(catalogue.from_yaml(text), alice).publish(alice)
    token = {"Authorization": f"Token {AuthToken.objects.create(alice)[1]}"}
    assert as_alice.get("/api/templates/模型评估/", headers=token).json()["template"] == "模型评估"
    file = as_alice.get("/api/templates/模型评估/xes/", headers=token).headers["Content-Disposition"]
    assert file == f"attachment; filename*=utf-8''{encoded('模型评估')}.xes"
    assert as_alice.get("/templates/模型评估/").status_code == 200


@pytest.mark.parametrize("name", ["Модель", "e\u0301", "🎉", "a b", "评/估", "1模", "字" * 64, "-模"])
def test_a_template_s_name_is_a_key(name):
    with pytest.raises(documents.TemplateError, match="is not a name"):
        catalogue.from_json({"desirepath": 1, "template": name, "title": "T", "flow": [{"id": "a", "uses": "manual"}]})


@in_any_script
def test_a_deployment(as_alice, alice, team, dummy, revision, live, name):
    key = names.key(name, 40)
    made = Name(team, alice, key, dummy).execute()
    Release.objects.filter(deployment=live).update(deployment=made)
    here = reverse("deployment", args=[team.slug, dummy.name, made.name])
    assert key in as_alice.get(here).content.decode()
    assert made.route_name == f"{team.pk}-{names.safe(key)}"
    server = model_release.server_of(made.releases.get(number=2))
    assert names.safe(key) in server.argv
    assert server.labels["deployment"] == names.safe(key)


def test_a_plain_deployment_has_the_names_it_had(live):
    assert live.route_name == f"{live.team_id}-churn"
    assert live.plain_name == "churn"


@in_any_script
def test_a_run_is_started_by_rest_for_a_team_and_a_name(client, ml, alice, name):
    key = names.key(name, 40)
    team = Team.objects.create(name=name, slug=key)
    team.add(alice, "engineer")
    text = f"desirepath: 1\ntemplate: {key}\ntitle: T\nflow:\n  - {{id: wait, uses: manual}}\n"
    Template.objects.keep(catalogue.from_yaml(text), alice).publish(alice)
    token = {"Authorization": f"Token {AuthToken.objects.create(alice)[1]}"}
    sent = {"template": key, "team": key, "name": key}
    answer = client.post("/api/runs/", sent, content_type="application/json", headers=token)
    assert answer.status_code == 201, answer.content
    assert answer.json()["deployment"] == key
    (found,) = client.get("/api/deployments/", {"name": key, "team": key}, headers=token).json()
    assert found["name"] == key


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Big One", "; “big-one” would be one"),
        ("Модель", "; “модель” would be one"),
        ("🎉", ""),
        ("1模型", ""),
        ("a_b", "; “a-b” would be one"),
    ],
)
def test_a_name_that_is_none_is_refused_with_one_that_is(name, says):
    rule = "small letters, digits and -, beginning with a letter, at most 40"
    assert problem_of_name(name) == f"“{name}” is not a name: {rule}{says}"


def test_two_normal_forms_are_one_deployment(alice, team, dummy):
    first = Name(team, alice, "étude", dummy).execute()
    assert Name(team, alice, "e\u0301tude", dummy).execute() == first
    with pytest.raises(Refused):
        Name(team, alice, "字" * 3000, dummy).check()


@in_any_script
def test_the_start_form_takes_it(as_alice, alice, team, dummy, revision, live, name):
    revision.publish(alice)
    here = reverse("template-start", args=[revision.template.name])
    answer = as_alice.post(here, {"name": names.key(name, 40), "team": team.pk})
    assert "is not a name" not in answer.content.decode()
    answer = as_alice.post(here, {"name": f"{name} X", "team": team.pk})
    assert "would be one" in answer.content.decode()


@in_any_script
def test_a_dropped_file_suggests_it(as_alice, alice, ml, team, dummy, revision, live, name):
    revision.publish(alice)
    type(alice).objects.filter(pk=alice.pk).update(persona=ml)
    file = SimpleUploadedFile(f"{name} 1.tar.gz", b"x")
    assert f"called={encoded(names.key(name, 40))}-1" in as_alice.post("/drop/", {"file": file}).headers["Location"]


# --- addresses and the terminal --------------------------------------------------------------------------------------


def test_an_address_finds_its_key_in_each_normal_form():
    assert resolve("/studies/e\u0301tude/").kwargs == {"slug": "étude"}
    for wrong in ("/studies/a b/", "/studies/🎉/", "/studies/a%/"):
        with pytest.raises(Resolver404):
            resolve(wrong)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("My Guestbook", "my-guestbook"), ("模型 1", "模型-1"), ("नमूना", "नमूना"), ("Café", "café"), ("🎉", "app"),
        ("2 x", "app-2-x"),
    ],
)  # fmt: skip
def test_the_terminal_makes_a_name_of_a_folder(text, name, tmp_path):
    assert plain_name(text, "app") == name
    assert name_for(tmp_path / "商店.pkl") == "商店"


@given(st.text())
def test_what_the_terminal_makes_is_a_name(text):
    assert problem_of_name(plain_name(text, "app")) == ""
