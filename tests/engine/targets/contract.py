"""What every target must do. A test class inherits this and gives `target`, `service`, `job`."""

import dataclasses

import pytest

from engine.targets.base import Backend, Kind, Route, State, TargetError, Workload

from .waiting import until_state

ENDED = (State.SUCCEEDED, State.FAILED, State.STOPPED)


class TargetContract:
    """Subclasses: a fixture `target`, and how to make workloads of each sort."""

    def service(self, name: str) -> Workload:
        raise NotImplementedError

    def job(self, target, name: str, *, result=None, code: int = 0, says: str = "", endless: bool = False) -> Workload:
        raise NotImplementedError

    def ready(self, target, *names):
        for name in names:
            target.apply(self.service(name))
        return [until_state(target, name, State.READY) for name in names]

    def two(self, target, first=100, second=0, fallback="1"):
        self.ready(target, "churn.r1", "churn.r2")
        backends = (Backend("1", "churn.r1", first), Backend("2", "churn.r2", second))
        return Route("churn", backends, fallback)

    def test_it_is_fit_to_work(self, target):
        assert target.check() == []

    def test_what_was_never_applied_is_absent(self, target):
        assert target.status("nothing").state is State.ABSENT
        assert target.routed("nothing") is None
        assert target.counts("nothing") == {}
        assert target.logs("nothing").text == ""

    def test_a_job_succeeds_and_hands_its_result_back(self, target):
        target.apply(self.job(target, "measure", result={"auc": 0.8}))
        status = until_state(target, "measure", *ENDED)
        assert status.state is State.SUCCEEDED
        assert status.result == {"auc": 0.8}
        assert status.exit_code == 0
        assert status.starts == 1

    def test_a_job_that_fails_says_why(self, target):
        target.apply(self.job(target, "broken", code=3, says="no such column"))
        status = until_state(target, "broken", *ENDED)
        assert status.state is State.FAILED
        assert status.exit_code == 3
        assert "no such column" in status.reason

    def test_an_ended_job_is_never_run_again(self, target):
        job = self.job(target, "once", result={"n": 1})
        target.apply(job)
        until_state(target, "once", State.SUCCEEDED)
        again = target.apply(job)
        assert again.state is State.SUCCEEDED
        assert again.starts == 1

    def test_applying_a_running_job_adopts_it(self, target):
        job = self.job(target, "long", endless=True)
        target.apply(job)
        until_state(target, "long", State.RUNNING)
        assert target.apply(job).state is State.RUNNING
        assert target.status("long").starts == 1
        target.stop("long")
        assert until_state(target, "long", *ENDED).state is State.STOPPED

    def test_a_job_stopped_on_request_is_not_started_again(self, target):
        job = self.job(target, "stopped", endless=True)
        target.apply(job)
        until_state(target, "stopped", State.RUNNING)
        target.stop("stopped")
        target.stop("stopped")
        assert target.apply(job).state is State.STOPPED
        assert target.status("stopped").starts == 1

    def test_logs_are_read_on_from_an_offset(self, target):
        target.apply(self.job(target, "talks", says="one two three"))
        until_state(target, "talks", *ENDED)
        first = target.logs("talks", limit=3)
        assert first.text == "one"
        assert target.logs("talks", first.offset).text.strip() == "two three"
        assert target.logs("talks", -6).text.strip() == "three"

    def test_a_service_gets_ready_and_has_an_address(self, target):
        (status,) = self.ready(target, "web")
        assert status.address.startswith("http://")
        assert target.apply(self.service("web")).starts == 1

    def test_a_stopped_service_can_be_started_again(self, target):
        self.ready(target, "web")
        target.stop("web")
        assert until_state(target, "web", State.STOPPED)
        self.ready(target, "web")
        assert target.status("web").starts == 2

    def test_removing_leaves_nothing_and_may_be_done_twice(self, target):
        self.ready(target, "web")
        target.remove("web")
        target.remove("web")
        assert target.status("web").state is State.ABSENT

    def test_a_route_keeps_its_address_and_counts_real_changes_only(self, target):
        route = self.two(target)
        first = target.route(route)
        assert target.route(route).changes == 1
        shifted = Route("churn", (Backend("1", "churn.r1", 90), Backend("2", "churn.r2", 10)), "1")
        second = target.route(shifted)
        assert (second.changes, second.address) == (2, first.address)
        assert target.routed("churn") == second

    @pytest.mark.parametrize(
        ("backends", "fallback", "sentence"),
        [
            ((Backend("1", "a", 50),), None, "add up to 100"),
            ((Backend("1", "a", 120), Backend("2", "b", -20)), None, "add up to 100"),
            ((Backend("1", "a", 100), Backend("1", "b", 0)), None, "named once"),
            ((Backend("1", "a", 100),), "7", "not among its releases"),
            ((Backend("1", "gone", 100),), None, "is not there"),
        ],
    )
    def test_a_route_that_cannot_be_is_refused(self, target, backends, fallback, sentence):
        with pytest.raises(TargetError, match=sentence):
            target.route(Route("churn", backends, fallback))
        assert target.routed("churn") is None

    @pytest.mark.parametrize("name", ["", "../up", "a b", "a/b", "_gateway", "x" * 101, "name\n"])
    def test_a_name_that_is_not_plain_is_refused(self, target, name):
        with pytest.raises(TargetError, match="cannot be a name"):
            target.apply(Workload(name, Kind.JOB, ("true",)))

    def test_a_release_may_have_several_workloads_that_answer(self, target):
        self.ready(target, "churn.r1", "churn.r1b")
        route = Route("churn", (Backend("1", "churn.r1", 100, ("churn.r1b",)),), own_errors=True)
        first = target.route(route)
        assert target.routed("churn").route == route
        assert target.route(route).changes == first.changes
        with pytest.raises(TargetError, match="is not there"):
            target.route(Route("churn", (Backend("1", "churn.r1", 100, ("gone",)),)))

    def test_a_source_that_is_not_there_is_discarded_without_a_word_and_nothing_else_goes(self, target):
        target.apply(self.job(target, "kept", result={"n": 1}))
        until_state(target, "kept", State.SUCCEEDED)
        target.discard("nothing")
        target.discard("kept")  # a workload's name is no source's
        assert target.status("kept").result == {"n": 1}

    def test_secrets_are_in_no_status_and_no_plan(self, target):
        job = dataclasses.replace(self.job(target, "hush", says="fine"), secrets={"KEY": "very-hush-hush"})
        target.apply(job)
        status = until_state(target, "hush", *ENDED)
        assert "very-hush-hush" not in f"{status} {target.plan(job)} {job!r} {job.stored()}"

    def test_a_workload_with_traffic_is_not_removed(self, target):
        target.route(self.two(target))
        with pytest.raises(TargetError, match="churn"):
            target.remove("churn.r1")
        target.remove("churn")
        assert target.routed("churn") is None
        target.remove("churn.r1")

    def test_a_plan_says_what_would_change_and_changes_nothing(self, target):
        service = self.service("churn.r1")
        assert [change.verb for change in target.plan(service)] == ["create"]
        assert target.status("churn.r1").state is State.ABSENT
        route = self.two(target)
        assert [change.verb for change in target.plan(service)] == ["adopt"]
        assert [change.verb for change in target.plan(route)] == ["create"]
        assert target.routed("churn") is None
        target.route(route)
        assert [change.verb for change in target.plan(route)] == ["nothing"]
        shifted = Route("churn", (Backend("1", "churn.r1", 90), Backend("2", "churn.r2", 10)), "1")
        assert "0 % → 10 %" in " ".join(change.detail for change in target.plan(shifted))
        assert target.routed("churn").changes == 1
