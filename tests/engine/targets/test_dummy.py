"""The recording target keeps the contract, so that what is tested with it holds for the others."""

import pytest

from engine.targets.base import Kind, State, TargetError, Workload
from engine.targets.dummy import DummyTarget

from .contract import TargetContract


class TestDummy(TargetContract):
    @pytest.fixture
    def target(self):
        return DummyTarget()

    def service(self, name):
        return Workload(name, Kind.SERVICE, ("serve",))

    def job(self, target, name, *, result=None, code=0, says="", endless=False):
        state = State.RUNNING if endless else State.FAILED if code else State.SUCCEEDED
        target.ends(name, state, result=result, exit_code=code, reason=says, log=says)
        return Workload(name, Kind.JOB, ("work",))

    def test_it_records_what_changed_and_nothing_else(self, target):
        job = self.job(target, "once")
        target.apply(job)
        target.apply(job)
        target.remove("once")
        target.remove("once")
        assert target.calls == [("apply", "once"), ("remove", "once")]

    def test_it_can_be_broken(self, target):
        target.breaks("The machine is on fire.")
        with pytest.raises(TargetError, match="on fire") as caught:
            target.apply(self.service("web"))
        assert caught.value.temporary
        assert target.check() == ["The machine is on fire."]
