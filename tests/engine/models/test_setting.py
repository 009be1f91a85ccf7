"""What a service is configured with: encrypted, read by its programs alone."""

from __future__ import annotations

import pytest
from django.test import override_settings

from engine.models import Deployment, Setting, Target
from engine.models.setting import sealed
from lib.sealing import Sealed

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(team, persona):
    target = Target.objects.create(team=team, name="dummy", kind="dummy")
    return Deployment.objects.create(team=team, target=target, name="shop", persona=persona)


def test_values_are_kept_encrypted_and_come_back_for_the_programs(shop, alice):
    shop.configure({"KEY": "of the bank", "MODE": "quiet"}, alice)
    assert shop.settings() == {"KEY": "of the bank", "MODE": "quiet"}
    assert "of the bank" not in str(list(Setting.objects.values()))
    assert shop.configured() == {"KEY", "MODE"}


def test_none_takes_one_away_and_what_happened_is_said_without_values(shop, alice):
    shop.configure({"KEY": "of the bank", "MODE": "quiet"}, alice)
    shop.configure({"KEY": None, "OTHER": "much hush"}, alice)
    assert shop.settings() == {"MODE": "quiet", "OTHER": "much hush"}
    said = [(event.text, event.data) for event in shop.events.filter(kind="deployment.configured")]
    assert said[-1] == ("Alice set OTHER, removed KEY", {"set": ["OTHER"], "removed": ["KEY"]})
    assert "hush" not in str(said)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("1KEY", "x", "is not a name"),
        ("A B", "x", "is not a name"),
        ("PORT", "x", "given to every program by Desirepath"),
        ("LD_PRELOAD", "x", "given to every program"),
        ("KEY", "a\0b", "zero byte"),
        ("KEY", "x" * 40_000, "longer than"),
    ],
)
def test_what_cannot_be_one_is_refused_and_nothing_is_set(shop, alice, key, value, said):
    with pytest.raises(ValueError, match=said):
        shop.configure({"GOOD": "yes", key: value}, alice)
    assert shop.configured() == set()


def test_under_another_secret_key_they_are_refused_in_words_unless_the_old_one_is_named():
    kept = Setting(key="TOKEN", sealed=sealed("hush"))
    with override_settings(SECRET_KEY="another"), pytest.raises(Sealed, match="another secret key"):
        _ = kept.value
    from django.conf import settings

    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[settings.SECRET_KEY]):
        assert kept.value == "hush"
