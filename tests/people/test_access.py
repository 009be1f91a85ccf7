"""people.access: the one way to an object."""

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404

from people.access import can, fetch, may
from people.models import Team
from research.models import Study


def test_a_member_gets_the_object(alice, team):
    assert fetch(alice, Team, slug="retention") == team


def test_to_somebody_else_it_does_not_exist(charlie, team):
    with pytest.raises(Http404):
        fetch(charlie, Team, slug="retention")


def test_a_member_without_the_role_is_told_so(bob, team):
    with pytest.raises(PermissionDenied, match="may not change this team"):
        fetch(bob, Team, "change", slug="retention")


def test_an_object_of_a_study_asks_the_study(alice, bob, charlie, participant):
    assert can(alice, "change", participant)
    assert not can(bob, "change", participant)
    assert can(bob, "view", participant)
    assert not can(charlie, "view", participant)


def test_what_has_no_rule_is_forbidden_even_to_a_superuser(alice, team):
    alice.is_superuser = True
    alice.save()
    assert not can(alice, "paint", team)


def test_a_superuser_is_not_in_every_study(charlie, study):
    charlie.is_superuser = True
    charlie.save()
    with pytest.raises(Http404):
        fetch(charlie, Study, slug=study.slug)


def test_a_class_stands_for_making_one(alice, bob, team):
    may(alice, "add", Study)
    with pytest.raises(PermissionDenied):
        may(bob, "add", Study)
