"""Discovery finds the flow in cases, the same one every time, and never loses one."""

from __future__ import annotations

import gzip
import os
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.definition.document import to_document
from engine.definition.flow import Branch, Choose, Leaf, Node, Parallel, Repeat, Sequence, leaves
from journeys.discovery.inductive import Occurrence, discover, flower, is_flower, replays

# Forty runs of one flow by our own engine, as its export wrote them: a build, two checks at once, a preview that was
# looked at up to nine times, and then to everybody, to a tenth, or neither.
RUNS = Path(__file__).with_name("runs.xes.gz")
LOGS = Path(os.environ.get("DESIREPATH_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "logs"


def case(*activities: str) -> list[Occurrence]:
    """A case whose activities follow one another without overlap."""
    return [Occurrence(i * 10, i * 10 + 5, f"{i:04}", activity) for i, activity in enumerate(activities)]


def test_it_finds_a_sequence() -> None:
    assert discover([case("a", "b", "c")] * 2) == Sequence((Leaf("a"), Leaf("b"), Leaf("c")))


def test_it_finds_a_choice_and_leaves_it_to_a_person() -> None:
    found = discover([case("a", "b"), case("a", "c")])
    choice = Choose((Branch(Leaf("b"), label="b"), Branch(Leaf("c"), label="c")), ask="person")
    assert found == Sequence((Leaf("a"), choice))


def test_it_finds_an_optional_step() -> None:
    found = discover([case("a", "b", "c"), case("a", "c")])
    optional = Choose((Branch(Leaf("b"), label="b"), Branch(Sequence(), label="go on without")), ask="person")
    assert found == Sequence((Leaf("a"), optional, Leaf("c")))


def test_it_finds_what_goes_round_with_the_most_rounds_seen_as_its_bound() -> None:
    found = discover([case("m", "t", "m", "t", "m", "s"), case("m", "s")])
    assert found == Sequence((Repeat(Leaf("m"), Leaf("t"), at_most=3, ask="person"), Leaf("s")))


def test_overlapping_intervals_are_evidence_of_two_things_at_once() -> None:
    both = [
        Occurrence(0, 5, "1", "a"),
        Occurrence(10, 40, "2", "x"),
        Occurrence(20, 30, "3", "y"),
        Occurrence(50, 60, "4", "z"),
    ]
    assert discover([both]) == Sequence((Leaf("a"), Parallel((Leaf("x"), Leaf("y"))), Leaf("z")))


def test_a_step_done_several_times_running_repeats() -> None:
    assert discover([case("a", "a", "a", "b")]) == Sequence((Repeat(Leaf("a"), at_most=3, ask="person"), Leaf("b")))


def test_what_has_no_order_is_a_flower_for_a_person_to_mend() -> None:
    found = discover([case(*"abca"), case(*"bcab"), case(*"cabc")])
    assert is_flower(found)


def test_nothing_seen_is_an_empty_flow() -> None:
    assert discover([]) == Sequence()


def test_a_flow_refuses_another_order() -> None:
    assert not replays(discover([case("a", "b")]), ["b", "a"])


activities = st.sampled_from("abcde")
orders = st.lists(st.lists(activities, max_size=7), min_size=1, max_size=6)


@settings(max_examples=150, deadline=None)
@given(orders)
def test_every_case_replays_on_what_was_found_in_it(cases: list[list[str]]) -> None:
    found = discover([case(*order) for order in cases])
    for order in cases:
        assert replays(found, order)


intervals = st.lists(
    st.tuples(activities, st.integers(0, 60), st.integers(0, 30)).map(lambda t: (t[1], t[1] + t[2], t[0])), max_size=6
)


@settings(max_examples=150, deadline=None)
@given(st.lists(intervals, min_size=1, max_size=5))
def test_every_case_with_overlaps_replays_in_the_order_of_its_starts(cases: list[list[tuple[int, int, str]]]) -> None:
    log = [[Occurrence(start, end, str(i), what) for i, (start, end, what) in enumerate(rows)] for rows in cases]
    found = discover(log)
    for trace in log:
        assert replays(found, [seen.activity for seen in sorted(trace)])


@settings(max_examples=50, deadline=None)
@given(orders, st.randoms())
def test_the_order_in_which_cases_arrive_changes_nothing(cases: list[list[str]], random: object) -> None:
    shuffled = list(cases)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert to_document(discover(case(*o) for o in cases)) == to_document(discover(case(*o) for o in shuffled))


# --- neither larger nor more permissive than it has to be ------------------------------------------------------------

Order = tuple[str, ...]


def near_misses(orders: set[Order]) -> set[Order]:
    """What nobody was seen to do, but almost: one activity left out, done twice, or done before the one before it."""
    found = set()
    for order in orders:
        for i in range(len(order)):
            found |= {order[:i] + order[i + 1 :], (*order[:i], order[i], *order[i:])}
            found.add(order[:i] + order[i : i + 2][::-1] + order[i + 2 :])
    return found - orders


def permissive(tree: Node, orders: set[Order]) -> float:
    """The share of the near misses that it allows: 1 for a flower, which allows everything."""
    missed = near_misses(orders)
    return sum(replays(tree, order) for order in missed) / len(missed)


@st.composite
def trees(draw: st.DrawFn, labels: str = "abcde") -> Node:
    """A sequence, choice or parallel of two parts, down to single steps; no label stands twice."""
    if len(labels) == 1:
        return Leaf(labels)
    cut = draw(st.integers(1, len(labels) - 1))
    parts = draw(trees(labels[:cut])), draw(trees(labels[cut:]))
    match draw(st.sampled_from(["sequence", "parallel", "choice"])):
        case "sequence":
            return Sequence(parts)
        case "parallel":
            return Parallel(parts)
    return Choose(tuple(Branch(part) for part in parts), ask="person")


def orders_of(tree: Node) -> set[Order]:
    """Every order of activities that a tree of `trees` allows."""
    match tree:
        case Leaf(id=label):
            return {(label,)}
        case Sequence(children=(one, other)):
            return {a + b for a in orders_of(one) for b in orders_of(other)}
        case Parallel(branches=(one, other)):
            return {mixed for a in orders_of(one) for b in orders_of(other) for mixed in interleaved(a, b)}
        case Choose(branches=branches):
            return {order for branch in branches for order in orders_of(branch.flow)}
    raise AssertionError(tree)


def interleaved(one: Order, other: Order) -> Iterable[Order]:
    for places in combinations(range(len(one) + len(other)), len(one)):
        first, second = iter(one), iter(other)
        yield tuple(next(first if i in places else second) for i in range(len(one) + len(other)))


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 5).flatmap(lambda count: trees("abcde"[:count])))
def test_a_flow_seen_in_every_order_is_found_again_and_allows_no_other(tree: Node) -> None:
    orders = orders_of(tree)
    found = discover(case(*order) for order in orders)
    assert all(replays(found, order) for order in orders)
    assert permissive(found, orders) == 0


def test_a_miner_that_always_answers_with_a_flower_would_fail() -> None:
    orders: set[Order] = {("a", "b", "c"), ("a", "c", "b")}
    assert permissive(flower(["a", "b", "c"], {}, 3), orders) == 1
    assert permissive(discover(case(*order) for order in orders), orders) == 0


@settings(max_examples=150, deadline=None)
@given(orders)
def test_each_activity_stands_once_and_nothing_repeats_more_often_than_was_seen(cases: list[list[str]]) -> None:
    found = discover(case(*order) for order in cases)
    names = [leaf.id for leaf in leaves(found)]
    assert sorted(names) == sorted({activity for order in cases for activity in order})
    assert max((node.at_most for node in nodes(found) if isinstance(node, Repeat)), default=0) <= 1 + max(
        map(len, cases)
    )


def nodes(node: Node) -> Iterable[Node]:
    yield node
    match node:
        case Sequence(children=inner) | Parallel(branches=inner):
            below: tuple[Node, ...] = inner
        case Choose(branches=branches):
            below = tuple(branch.flow for branch in branches)
        case Repeat(flow=body, again=again):
            below = (body, again)
        case _:
            below = ()
    for one in below:
        yield from nodes(one)


def test_the_flow_of_our_own_runs_is_found_in_their_event_log() -> None:
    root = ET.fromstring(gzip.decompress(RUNS.read_bytes()))
    traces = [_activities(trace) for trace in root if trace.tag.endswith("trace")]
    found = discover(case(*trace) for trace in traces)
    assert (len(traces), len(set(traces))) == (40, 18)
    assert all(replays(found, order) for order in set(traces))
    assert len(list(leaves(found))) == len({activity for trace in traces for activity in trace}) == 10
    assert not any(is_flower(node) for node in nodes(found))
    assert permissive(found, set(traces)) < 0.02


@pytest.mark.skipif(not LOGS.is_dir(), reason="the shared event logs are not here")
@pytest.mark.parametrize(
    "name", ["running-example.xes", "a12f0n00.xes.gz", "a12f0n20.xes.gz", "a22f0n00.xes.gz", "receipt.xes.gz"]
)
def test_every_trace_of_a_real_log_replays(name: str) -> None:
    data = (LOGS / name).read_bytes()
    root = ET.fromstring(gzip.decompress(data) if name.endswith("gz") else data)
    traces = [_activities(trace) for trace in root if trace.tag.endswith("trace")]
    found = discover(case(*trace) for trace in traces)
    assert all(replays(found, variant) for variant in set(traces))


def _activities(trace: ET.Element) -> tuple[str, ...]:
    events = ({a.get("key"): a.get("value") for a in event} for event in trace if event.tag.endswith("event"))
    done = (e for e in events if str(e.get("lifecycle:transition", "complete")).lower() == "complete")
    return tuple(str(e["concept:name"]) for e in done)
