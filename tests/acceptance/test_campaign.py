"""The kill campaign of `tests.bench.kills`, small: processes are killed, runs finish, each effect is there once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bench.killing import setups, troubles
from tests.bench.killing.campaign import Campaign, summary
from tests.bench.killing.setups import Setup
from tests.bench.killing.work import Verdict
from tests.pace import slowness
from tests.scaled import Postgres, Redis, own_postgres, own_redis

pytestmark = pytest.mark.kill
__all__ = ["own_postgres", "own_redis"]

KILLS = 20
# Seconds from a kill to progress, of half the kills: generous, because a machine under test has other work too. The
# goals (5 embedded, 12 scaled out) are for `python -m tests.bench.kills` on an idle one.
WITHIN = {"embedded": 25.0, "scaled": 60.0}


@pytest.fixture
def embedded() -> Iterator[Setup]:
    with setups.embedded() as setup:
        yield setup


@pytest.fixture
def scaled(own_postgres: Postgres, own_redis: Redis) -> Iterator[Setup]:
    with setups.scaled(own_postgres, own_redis) as setup:
        yield setup


def fine(verdict: Verdict) -> None:
    assert (verdict.wrong, verdict.lost, verdict.doubled) == ([], [], [])
    assert verdict.finished == verdict.runs > 0


@pytest.mark.parametrize("name", ["embedded", "scaled"])
def test_twenty_kills_lose_nothing_and_double_nothing(name: str, request: pytest.FixtureRequest, capsys) -> None:
    campaign = Campaign(request.getfixturevalue(name), KILLS)
    verdict = campaign.run(runs_at_once=4)
    found = summary([kill.took or 0.0 for kill in campaign.kills])
    with capsys.disabled():
        print(f"\n{name}: kills {len(campaign.kills)}, runs finished {verdict.finished} of {verdict.runs}, "
              f"effects {verdict.effects}, lost {len(verdict.lost)}, doubled {len(verdict.doubled)}; "
              f"to progress: median {found['median']:.1f} s, p95 {found['p95']:.1f} s")  # fmt: skip
    fine(verdict)
    assert campaign.stuck == []
    assert found["median"] < WITHIN[name] * slowness()


def test_a_run_goes_on_when_the_full_disk_has_room_again() -> None:
    found = troubles.disk_full()
    if isinstance(found, str):
        pytest.skip(found)
    fine(found[0])


def test_a_database_that_crashes_and_comes_back_costs_nothing(own_postgres: Postgres, own_redis: Redis) -> None:
    verdict, seconds = troubles.database_restarted(own_postgres, own_redis)
    fine(verdict)
    assert seconds < WITHIN["scaled"] * slowness()


def test_a_broker_that_is_away_for_a_while_costs_latency_only(own_postgres: Postgres, own_redis: Redis) -> None:
    verdict, _ = troubles.broker_stopped(own_postgres, own_redis, seconds=4)
    fine(verdict)
