"""/runs/: narrowed by state, template and person, a page at a time."""

import re
import time
from typing import Any

from engine.models import Run
from engine.runs import transitions
from tests.pace import slowness
from tests.rows import copies, new_uuid
from tests.running import HAND, MUTEX

PAGE = 1.0  # seconds of work for a page of the list


def text(client, **filters) -> str:
    return str(client.get("/runs/", filters).content.decode())


def links(page: str) -> list[int]:
    return [int(pk) for pk in re.findall(r'href="/runs/(\d+)/"><b>', page)]


def test_it_is_narrowed_by_state_template_and_person(as_alice, as_bob, begin, bob):
    one, two = begin(HAND), begin(MUTEX, name="other")
    transitions.pause(one, None)
    assert links(text(as_bob, state="paused")) == [one.pk]
    assert links(text(as_bob, template="other")) == [two.pk]
    assert links(text(as_alice, mine="1")) == [two.pk, one.pk]
    assert "No run matches" in text(as_bob, mine="1")


def test_nonsense_in_the_address_is_no_failure(as_bob, begin):
    begin(HAND)
    for nonsense in ({"state": "x"}, {"template": "y"}, {"before": "z"}, {"before": "9" * 30}):
        assert as_bob.get("/runs/", nonsense).status_code == 200


def test_it_comes_a_page_at_a_time_without_counting(as_bob, begin, django_assert_max_num_queries):
    run = begin(HAND)
    rows = [Run(revision=run.revision, team=run.team, target=run.target, state="succeeded") for _ in range(120)]
    Run.objects.bulk_create(rows)
    with django_assert_max_num_queries(20) as asked:
        page = text(as_bob)
    assert not any("COUNT" in query["sql"] and "engine_run" in query["sql"] for query in asked.captured_queries)
    first = links(page)
    second = links(text(as_bob, before=first[-1]))
    third = links(text(as_bob, before=second[-1]))
    assert [len(first), len(second), len(third)] == [50, 50, 21]
    assert sorted(first + second + third, reverse=True) == first + second + third
    assert "Older" not in text(as_bob, before=second[-1])


def test_it_is_fast_with_a_hundred_thousand_runs(as_bob, begin):
    run, other = begin(HAND), begin(MUTEX, name="other")
    one = Run.objects.create(revision=run.revision, team=run.team, target=run.target, state="succeeded")
    copies(
        one, 100_000, key=new_uuid(),
        revision_id=f"CASE WHEN n % 50 = 0 THEN {other.revision.pk} ELSE {run.revision.pk} END",
        state="CASE WHEN n % 1000 = 0 THEN 'failed' ELSE 'succeeded' END",
    )  # fmt: skip
    text(as_bob)
    filters: tuple[dict[str, Any], ...] = (
        {},
        {"state": "failed"},
        {"state": "paused"},
        {"template": "other"},
        {"mine": "1"},
        {"before": 40_000},
    )
    for asked in (*filters, {"state": "failed", "template": "other"}):
        begun = time.process_time()
        text(as_bob, **asked)
        took = time.process_time() - begun
        print(f"{asked}: {took:.2f} s")
        assert took < PAGE * slowness(time.process_time), asked
    begun = time.process_time()
    as_bob.get(f"/runs/{run.pk}/")
    as_bob.get("/templates/probe/")
    took = time.process_time() - begun
    print(f"a run and its template: {took:.2f} s")
    assert took < 2 * PAGE * slowness(time.process_time)
