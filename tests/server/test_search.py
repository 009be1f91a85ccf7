"""/search/: everything a person may see, and nothing else; kept current; grouped; without JavaScript too."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.utils import timezone

from engine.actions.remove import Remove
from engine.models import Deployment, Target, Template
from engine.steps import registry
from journeys.models import Journey, MapStep
from people.models import Team
from research.models import Activity, Case, Consent, Observation, Study
from server import example
from server.help.documents import DOCUMENTS
from server.search import index
from server.search.entry import Entry
from server.search.finding import FEW, MANY, find
from server.search.sources import SOURCES


def found(user, text, kind=""):
    """{kind: titles} of what this person finds."""
    return {group.kind: [hit.title for hit in group.hits] for group in find(user, text, kind)}


@pytest.fixture
def everything(live, app, case, quote, session, participant, study, crowd, insight, alice):
    """The whole thread, and what each kind of it is found by."""
    return {
        "deployment": ("churn", "churn"),
        "run": (f"run {live.runs.first().pk}", f"Run {live.runs.first().pk}"),
        "template": ("ship-it", "ship-it"),
        "journey": ("From a model", "From a model to production"),
        "step": ("train again", "Train again"),
        "study": ("shipping", "Shipping a model"),
        "session": (f"session {session.pk}", f"Session {session.pk}"),
        "participant": ("P1", "P1"),
        "case": ("churn to production", "churn to production"),
        "insight": ("compared", "Columns are compared by eye"),
        "quote": ("on-call", quote.text),
        "team": ("retention", "Retention"),
        "persona": ("ml engineer", "ML engineer"),
        "page": ("settings", "Settings"),
    }


# Alice owns; Bob is on the team and reads the study; Charlie has no access. What is everybody's is found by everybody.
FINDS = {
    "deployment": "ab", "run": "ab", "template": "abc", "journey": "abc", "step": "abc", "study": "ab", "session": "ab",
    "participant": "ab", "case": "ab", "insight": "ab", "quote": "ab", "team": "ab", "persona": "abc", "page": "abc",
}  # fmt: skip


def test_each_kind_is_in_the_table():
    assert set(FINDS) == {source.kind for source in SOURCES} - {"paraphrase"} | {"page"}


@pytest.mark.parametrize("kind", FINDS)
def test_who_finds_it(everything, alice, bob, charlie, kind):
    text, title = everything[kind]
    for user in (alice, bob, charlie):
        titles = found(user, text).get(kind, [])
        assert (title in titles) == (user.username[0] in FINDS[kind]), f"{user}: {titles}"
        assert title in found(user, text, kind).get(kind, []) or user.username[0] not in FINDS[kind]


def test_charlie_finds_nothing_of_theirs(everything, charlie):
    theirs = {kind for kind, who in FINDS.items() if "c" not in who}
    for text, _ in everything.values():
        assert not theirs & set(found(charlie, text)), text


def test_the_page_of_each(as_alice, as_bob, as_charlie, study, quote):
    def page(client, words):
        return client.get("/search/", {"q": words}).content.decode()

    assert quote.text.split()[-1] in page(as_alice, "column on-call")
    assert "Nothing found" in page(as_bob, "column on-call")
    assert "Shipping a model" in page(as_bob, "shipping")
    assert "Nothing found" in page(as_charlie, "shipping")
    assert "What can be searched" in page(as_alice, "")
    assert "What can be searched" not in page(as_alice, "shipping")


# --- a participant's words -------------------------------------------------------------------------------------------


def test_withdrawn_words_are_in_no_index_and_are_not_found(quote, alice, participant):
    assert found(alice, "on-call")["quote"] == [quote.text]
    participant.consent.withdraw()
    assert "quote" not in found(alice, "on-call")
    assert not Entry.objects.filter(kind="quote", object=str(quote.pk)).exists()
    quote.change(text="changed after the withdrawal")
    assert not Entry.objects.filter(kind="quote", object=str(quote.pk)).exists()
    Consent.objects.create(participant=participant, quotes=True, audience="team")
    assert found(alice, "withdrawal")["quote"] == [quote.text]


def test_a_consent_that_ran_out_and_one_withdrawn_by_an_update_show_nothing(quote, alice, participant):
    Consent.objects.update(expires_at=timezone.now())
    assert "quote" not in found(alice, "on-call")
    Consent.objects.update(expires_at=None, withdrawn_at=timezone.now())
    assert "quote" not in found(alice, "on-call")


def test_few_people_and_a_paraphrase(quote, alice, bob):
    assert "quote" not in found(bob, "on-call")  # fewer than five took part
    quote.release("They fear the nights")
    assert found(bob, "nights")["quote"] == ["They fear the nights"]
    assert "quote" not in found(bob, "on-call")  # words he may not read find nothing
    assert found(alice, "on-call")["quote"] == [quote.text]
    assert "quote" not in found(alice, "nights")  # she reads what was said
    quote.release("")
    assert "quote" not in found(bob, "nights")


@pytest.mark.parametrize("of", ["observation", "session", "study"])
def test_what_was_removed_is_not_found_and_comes_back(quote, session, study, alice, of):
    thing = {"observation": quote, "session": session, "study": study}[of]
    thing.remove()
    assert "quote" not in found(alice, "on-call")
    thing.restore()
    quote.refresh_from_db()
    assert found(alice, "on-call")["quote"] == [quote.text]


def test_no_title_in_the_index_is_a_participants(quote, alice):
    assert set(Entry.objects.filter(kind__in=("quote", "paraphrase")).values_list("title", "about", "url")) == {
        ("", "", "")
    }


# --- what others have takes nobody's place ---------------------------------------------------------------------------

OTHERS = 700  # of each kind: more than are asked for of any, and than PostgreSQL looks through first


@pytest.fixture
def theirs(everything, ml, participant, session, study):
    """Newer rows that say the same, which Bob does not read, written without a signal; then the index of all of it."""
    other = Team.objects.create(name="Others", slug="others")
    hidden = Study.objects.create(title="Hidden", persona=ml)
    target = Target.objects.create(team=other, name="there", kind="dummy")
    silent = study.new_participant()
    Consent.objects.create(participant=silent, quotes=True, audience="researchers")

    def many(model, **fields):
        model._base_manager.bulk_create([model(**{k: v(n) for k, v in fields.items()}) for n in range(OTHERS)])

    many(Deployment, team=lambda n: other, target=lambda n: target, name=lambda n: f"churn-{n}")
    many(Case, study=lambda n: hidden, title=lambda n: f"shared {n}")
    many(
        Observation, session=lambda n: session, participant=lambda n: silent, at=lambda n: n,
        text=lambda n: "shared words", quote=lambda n: n % 2 == 0,
    )  # fmt: skip
    Case.objects.create(study=study, title="shared and his")
    Observation.objects.create(session=session, participant=participant, at=1, text="shared and his")
    many(Case, study=lambda n: study, title=lambda n: f"shared and removed {n}")
    index.rebuild()
    Case.objects.filter(title__contains="removed").update(removed_at=timezone.now())  # the index is not told


def test_hundreds_of_others_hide_nothing_of_his(theirs, bob, alice):
    assert found(bob, "churn")["deployment"] == ["churn"]
    for kind in ("", "case"):
        assert found(bob, "shared", kind)["case"] == ["shared and his"]
    for kind in ("", "quote"):
        assert found(bob, "shared", kind)["quote"] == ["shared and his"]
    assert len(found(alice, "shared", "quote")["quote"]) == MANY  # she is a researcher of the study


# --- kept current ----------------------------------------------------------------------------------------------------


def test_a_new_name_is_found_and_the_old_one_is_not(study, session, alice):
    study.title = "Renamed entirely"
    study.save()
    assert found(alice, "renamed")["study"] == ["Renamed entirely"]
    assert found(alice, "renamed")["session"] == [f"Session {session.pk}"]
    assert found(alice, "shipping") == {}


def test_a_new_revision_renames_its_template(revision, alice, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        changed = {**revision.parsed.document, "title": "Sail it"}
        from engine.steps import catalogue

        Template.objects.keep(catalogue.from_json(changed), alice)
    assert found(alice, "sail")["template"] == ["ship-it"]


def remove(deployment):
    Remove(deployment, deployment.team.memberships.first().user).execute()


def restore(deployment):
    deployment.removed_at = None
    deployment.save(update_fields=["removed_at"])


def entries(**rows):
    """The kinds of which the index has something of these rows, one keyword argument a kind."""
    return {kind for kind, row in rows.items() if Entry.objects.filter(kind=kind, object=str(row.pk)).exists()}


def test_a_removed_deployment_leaves_the_index_and_comes_back(live, alice):
    """The list of what is live has no line for it; its runs stay."""
    remove(live)
    assert "deployment" not in found(alice, "churn")
    assert entries(deployment=live, run=live.runs.first()) == {"run"}
    restore(live)
    assert found(alice, "churn")["deployment"] == ["churn"]


def test_what_lies_in_a_removed_study_leaves_the_index_and_comes_back(study, session, case, quote, insight, journey):
    step = MapStep.objects.filter(map__journey=journey).first()
    rows = {
        "study": study, "session": session, "case": case, "quote": quote, "insight": insight, "journey": journey,
        "participant": quote.participant, "step": step,
    }  # fmt: skip
    assert entries(**rows) == set(rows)
    study.remove()
    assert entries(**rows) == set()
    study.restore()
    assert entries(**rows) == set(rows)


@pytest.mark.parametrize("of", ["session", "participant"])
def test_what_lies_in_a_removed_row_leaves_the_index_and_comes_back(quote, of):
    row = getattr(quote, of)
    row.remove()
    assert entries(**{"quote": quote, of: row}) == set()
    row.restore()
    assert entries(**{"quote": quote, of: row}) == {"quote", of}


def test_a_removed_quote_and_a_deleted_session_leave_the_index(quote, session):
    quote.release("They fear the nights")
    assert entries(quote=quote, paraphrase=quote) == {"quote", "paraphrase"}
    quote.remove()
    assert entries(quote=quote, paraphrase=quote) == set()
    quote.restore()
    pks = [str(quote.pk), str(session.pk)]
    session.delete()
    assert not Entry.objects.filter(kind__in=("quote", "paraphrase", "session"), object__in=pks).exists()


def test_a_renamed_case_and_a_renamed_team(live, session, case, alice):
    session.case = case
    session.save()
    case.title = "Carved in stone"
    case.save()
    assert found(alice, "carved")["session"] == [str(session)]
    live.team.name = "Renamed"
    live.team.save()
    assert found(alice, "renamed")["deployment"] == ["churn"]


def test_what_was_restored_is_found_though_the_index_was_written_meanwhile(live, quote, session, alice):
    remove(live)
    session.remove()
    call_command("search_index", verbosity=0)
    assert "quote" not in found(alice, "on-call")
    restore(live)
    session.restore()
    assert found(alice, "churn")["deployment"] == ["churn"]
    assert found(alice, "on-call")["quote"] == [quote.text]


def test_the_example_is_found(team, alice):
    study = example.LoadExample(example.MODELS).execute()
    study.add(alice, "lead")
    said = Observation.objects.of_study(study).filter(quote=True)[0]
    assert said.text in [hit.title for group in find(alice, said.text[:60], "quote") for hit in group.hits]


def test_a_member_who_left_finds_nothing_more(study, bob):
    assert "study" in found(bob, "shipping")
    study.members.filter(user=bob).delete()
    assert "study" not in found(bob, "shipping")


def test_what_is_deleted_is_gone(study, ml, alice):
    made = Journey.objects.create(persona=ml, slug="gone", title="Gone tomorrow")
    assert found(alice, "tomorrow")["journey"] == ["Gone tomorrow"]
    made.delete()
    assert found(alice, "tomorrow") == {}
    assert not Entry.objects.filter(kind="journey", object=str(made.pk)).exists()


def test_all_of_it_is_written_again(everything, alice):
    before = set(Entry.objects.values_list("kind", "object", "title", "words"))
    Entry.objects.all().delete()
    call_command("search_index", verbosity=0)
    after = set(Entry.objects.values_list("kind", "object", "title", "words"))
    assert {row for row in before if row[0]} == {row for row in after if row[0]}
    for kind, (text, title) in everything.items():
        assert title in found(alice, text)[kind]


def test_a_home_from_before_is_filled_when_it_migrates(study, alice):
    Entry.objects.all().delete()
    call_command("migrate", verbosity=0)
    assert found(alice, "shipping")["study"] == ["Shipping a model"]
    Entry.objects.filter(kind="study").delete()
    call_command("migrate", verbosity=0)  # the mark is there: nothing is written again
    assert "study" not in found(alice, "shipping")


# --- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("模型评估", "评估"), ("Исследование", "иссл"), ("تقييم", "تَقْيِيم"), ("नमूना", "नमू"), ("Étude", "etude"),
        ("On-call nights", "on-call"), ("On-call nights", "nights on"), ("Version 2.5", "2.5"), ("ราคาสินค้า", "สินค้า"),
    ],
)  # fmt: skip
def test_words_of_any_script_are_found_by_their_beginnings(study, alice, title, text):
    Case.objects.create(study=study, title=title)
    assert found(alice, text)["case"] == [title]


def test_a_number_is_that_number(study, alice):
    for number in (7, 70, 71):
        Case.objects.create(study=study, title=f"number {number}")
    assert found(alice, "number 7")["case"] == ["number 7"]


@pytest.mark.parametrize(
    "text", ['"', "'", "a' | 'b", '" OR "', "*", "NEAR(a b)", "%", "\\", "_all", "🎉", "a" * 200, "(", ":*"]
)
def test_no_query_is_an_expression(as_alice, study, text):
    Case.objects.create(study=study, title="another")
    assert as_alice.get("/search/", {"q": text}).status_code == 200


def test_words_that_look_like_readers_are_words(study, alice, charlie):
    Case.objects.create(study=study, title="_case_all _t1")
    assert "case" not in found(charlie, "_case_all")
    assert found(alice, "_case_all t1")["case"] == ["_case_all _t1"]


# --- groups and pages ------------------------------------------------------------------------------------------------


def test_few_of_a_kind_then_all_of_it(as_alice, study, alice):
    for number in range(FEW + 2):
        Case.objects.create(study=study, title=f"many {number}")
    (group,) = find(alice, "many")
    assert (len(group.hits), group.count, group.all) == (FEW, FEW + 2, "7")
    page = as_alice.get("/search/", {"q": "many"}).content.decode()
    assert '<a href="/search/?q=many&amp;in=case">all 7</a>' in page
    page = as_alice.get("/search/", {"q": "many", "in": "case"}).content.decode()
    assert page.count("data-theirs") >= FEW + 2
    assert "Search everything" in page


def test_groups_stand_in_one_order(everything, alice):
    groups = [group.kind for group in find(alice, "churn")]
    order = [*dict.fromkeys(source.kind for source in SOURCES), "page"]
    assert groups == [kind for kind in order if kind in groups]
    assert len(groups) > 2


def test_help_is_found_by_its_headings(alice):
    assert DOCUMENTS["glossary"].page.title in found(alice, "glossary")["page"]


def test_step_kinds_are_found_by_their_names_and_titles(alice):
    assert "Step kinds" in found(alice, "step kinds")["page"]
    for text in ("approve", registry()["approve"].says(alice.persona)["title"]):
        assert "/kinds/approve/" in [hit.url for group in find(alice, text, "page") for hit in group.hits]


def test_the_box_gets_options_alone(as_alice, study):
    answer = as_alice.get("/search/", {"q": "shipping", "part": "box"}).content.decode()
    assert 'role="option"' in answer
    assert "<html" not in answer
    assert "1 found, 1 kind" in " ".join(answer.split())
    assert "Nothing found" in as_alice.get("/search/", {"q": "zzz", "part": "box"}).content.decode()


def test_a_search_asks_few_queries(everything, alice, bob, django_assert_max_num_queries):
    for user in (alice, bob):
        for text in ("churn", "a", "model", "on-call"):
            with django_assert_max_num_queries(12):
                find(user, text)


def test_many_studies_cost_no_more_queries(ml, alice, bob, study, crowd, django_assert_max_num_queries):
    for number in range(300):
        made = Study.objects.create(title=f"Crowded {number}", persona=ml)
        made.add(bob, "viewer")
        if number < 8:
            one = made.new_participant()
            Consent.objects.create(participant=one, quotes=True, audience="team")
            at = made.sessions.create(started_at=timezone.now())
            Observation.objects.create(session=at, participant=one, at=1, text="crowded words", quote=True)
    with django_assert_max_num_queries(12):
        assert found(bob, "crowded")["study"]


def test_a_live_entry_costs_a_bounded_number_of_queries(quote, django_assert_max_num_queries):
    with django_assert_max_num_queries(17):
        quote.change(text="again")


def test_a_renamed_and_a_merged_activity(seen, alice, ml):
    activity = Activity.objects.get(name="Write the endpoint")
    activity.name = "Carve the endpoint"
    activity.save()
    assert found(alice, "carve")["quote"] == ["Copies"]
    activity.merge_into(Activity.objects.create(persona=activity.persona, name="Wrap the model", key="wrap"))
    assert found(alice, "wrap")["quote"] == ["Copies"]
    assert "quote" not in found(alice, "carve")


@pytest.mark.usefixtures("everything")
def test_the_index_holds_nothing_of_rows_that_are_not_there():
    kinds = {source.kind: source for source in SOURCES}
    for entry in Entry.objects.exclude(kind=""):
        assert kinds[entry.kind].rows().filter(pk=entry.object).exists(), entry
