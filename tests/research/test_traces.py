"""What discovery reads: a trace for each case, numbers for each activity."""

from datetime import timedelta

import pytest

from research.models import Activity, Consent, Observation, Session
from research.traces import by_activity, traces

MINUTE = 60_000


@pytest.fixture
def see(session, participant, case, ml):
    def seen(name, at, until=None, **fields):
        activity = Activity.objects.named(ml, name)
        base = {"session": session, "participant": participant, "case": case, **fields}
        return Observation.objects.create(activity=activity, at=at, until=until, **base)

    return seen


def names(study):
    return {
        case: [step.activity for step in trace] for case, trace in traces(Observation.objects.of_study(study)).items()
    }


def test_a_case_is_read_in_order_across_its_sessions(study, session, participant, case, see):
    see("Match features", 2 * MINUTE, 3 * MINUTE)
    see("Export", 0, MINUTE)
    later = Session.objects.create(study=study, case=case)
    later.participants.add(participant)
    later.begin(session.started_at + timedelta(hours=1))
    see("Compare", 0, MINUTE, session=later)
    trace = traces(Observation.objects.of_study(study))[case.pk]
    assert [step.activity for step in trace] == ["export", "match-features", "compare"]
    assert trace[0].start == round(session.started_at.timestamp() * 1000)
    assert trace[0].end - trace[0].start == MINUTE
    assert trace[-1].session == later.pk


def test_a_note_inside_its_activity_is_the_same_step(study, case, see):
    see("Export", 0, MINUTE)
    see("Export", 30_000, text="copies it to a bucket")
    see("Export", 2 * MINUTE, text="again")
    assert names(study) == {case.pk: ["export", "export"]}


def test_what_was_only_said_or_hurt_is_no_step(study, see):
    see("Export", 0, source="said")
    see("Export", 0, kind="pain", text="slow")
    assert names(study) == {}


def test_withdrawn_and_removed_is_left_out(study, case, session, see):
    see("Export", 0, MINUTE).remove()
    see("Match features", 0, MINUTE)
    assert names(study) == {case.pk: ["match-features"]}
    Consent.objects.get().withdraw()
    assert names(study) == {}
    assert by_activity(Observation.objects.of_study(study)) == {}


def test_the_example_is_left_out_of_every_number(study, ml, see):
    see("Export", 0, MINUTE)
    assert Observation.objects.of_persona(ml).count() == 1
    study.example = True
    study.save()
    assert Observation.objects.of_persona(ml).count() == 0
    assert Observation.objects.of_persona(ml, example=True).count() == 1


def test_the_numbers_of_an_activity(study, case, see):
    for n, minutes in enumerate((2, 4, 9)):
        see("Export", n * 10 * MINUTE, (n * 10 + minutes) * MINUTE)
    see("Export", 0, 5 * MINUTE, kind="waits")
    see("Export", 1, kind="rework")
    see("Export", 2, kind="pain", text="No parity check")
    see("Export", 3, kind="pain", text="no parity check ")
    said = see("Export", 4, kind="says", quote=True, text="Again.")
    one = by_activity(Observation.objects.of_study(study))["export"]
    assert (one.median, one.p90) == (4 * MINUTE, 8 * MINUTE)
    assert (one.median_wait, one.rework, one.repeats, one.people, one.observations) == (5 * MINUTE, 1, [3], 1, 8)
    assert [(pain.text, pain.people, len(pain.observations)) for pain in one.pains] == [("No parity check", 1, 2)]
    assert one.quotes == [said]
