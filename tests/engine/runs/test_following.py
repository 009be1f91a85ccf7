"""What follows many places at once is what follows any of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.definition.flow import Choose, Flow, Foreach, Leaf, Node, Repeat
from engine.runs.successors import Following, Place, comes_after
from tests.engine.flows import flows


@st.composite
def places(draw: st.DrawFn, flow: Flow) -> list[Place]:
    """Some leaves and questions, each at some iteration."""
    nodes = [(path, node) for path, node in flow.nodes.items() if isinstance(node, Leaf | Choose | Repeat | Foreach)]
    found = []
    for _ in range(draw(st.integers(1, 6))):
        path, node = draw(st.sampled_from(nodes))
        rounds = len(flow.rounds(path)) + isinstance(node, Repeat)
        found.append((path, tuple(draw(st.integers(1, 3)) for _ in range(rounds))))
    return found


@given(data=st.data(), root=flows(depth=3))
@settings(max_examples=200, deadline=None)
def test_it_is_the_same_as_asking_of_each(data: st.DataObject, root: Node) -> None:
    flow = Flow(root)
    first, others = data.draw(places(flow)), data.draw(places(flow))
    following = Following(flow, first)
    for place in others:
        assert (place in following) == any(comes_after(flow, one, place) for one in first), (first, place)
