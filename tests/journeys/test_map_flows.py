"""Maps of every kind of block: each leaf is found, bound and shown; a sub-template stands in a map as its steps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.test import Client

from engine.models import Template
from engine.models.template import lookup
from engine.steps import catalogue
from journeys.actions.derive import DeriveTemplate
from journeys.actions.import_ideal import ImportIdeal
from journeys.models import Journey, JourneyMap
from tests.conftest import signed_in

GATE = """
desirepath: 1
template: gate
persona: ml-engineer
inputs: {table: {type: text, optional: true}}
flow: [{id: look, title: Look at it, uses: manual}]
"""
IDEAL = """
stages:
  - title: All of it
    steps: [{id: each}, {id: told}, {id: late}, {id: check.look}]
template:
  desirepath: 1
  template: every-block
  persona: ml-engineer
  flow:
    - foreach: {in: [1, 2], flow: [{id: each, title: For each, uses: manual}]}
    - first:
        - {event: paid, flow: [{id: told, title: Told, uses: manual}]}
        - {after: 60, flow: [{id: late, title: Too late, uses: manual}]}
    - {id: check, title: The gate, template: gate}
"""


@pytest.fixture
def every_block(journey: Journey, clara) -> JourneyMap:
    Template.objects.keep(catalogue.from_yaml(GATE, lookup), clara).publish(clara)
    return ImportIdeal(journey, IDEAL).execute()


@pytest.mark.parametrize("key", ["each", "told", "late"])
def test_a_leaf_in_any_block_is_found_and_bound(every_block: JourneyMap, key: str) -> None:
    found = every_block.leaf(key)
    assert found
    assert found.uses == "manual"
    every_block.change_leaf(key, lambda leaf: replace(leaf, uses="http.check", with_={"url": "http://127.0.0.1:1/"}))
    changed = JourneyMap.objects.get(pk=every_block.pk)
    assert [leaf.uses for leaf in changed.tree().leaves() if leaf.id == key] == ["http.check"]
    assert [leaf.uses for leaf in changed.tree().leaves()].count("manual") == 3
    assert changed.flow[2]["template"] == "gate"


def test_a_leaf_of_a_sub_template_is_not_the_maps_to_change(every_block: JourneyMap) -> None:
    assert every_block.leaf("check.look")
    with pytest.raises(KeyError):
        every_block.change_leaf("check.look", lambda leaf: leaf)


def test_the_pages_of_such_a_map_answer(every_block: JourneyMap, clara) -> None:
    as_clara: Client = signed_in(clara)
    for page in ("", "?map=ideal", "edit/", "compare/"):
        assert as_clara.get(f"/journeys/ship/{page}").status_code == 200, page
    assert "Look at it" in as_clara.get("/journeys/ship/?map=ideal").content.decode()
    bound = as_clara.post("/journeys/ship/edit/", {"key": "told", "told-uses": "manual", "told-settings": ""})
    assert bound.status_code == 302


def test_a_map_whose_sub_template_is_gone_is_still_shown(every_block: JourneyMap, clara) -> None:
    Template.objects.filter(name="gate").delete()
    assert signed_in(clara).get("/journeys/ship/?map=ideal").status_code == 200


def test_it_derives_to_a_template_with_the_sub_template_in_it(every_block: JourneyMap, clara) -> None:
    revision = DeriveTemplate(every_block, clara).execute()
    assert "check.look" in revision.parsed.flow.leaf_paths
    assert revision.document["flow"][2]["digest"]
