"""The states of each machine, each with its group, mark and word. Spelled nowhere else.

Run:   running → succeeded | failed | cancelled, through compensating or cancelling; running ⇄ paused
Step:  ready → running → succeeded | failed | skipped | cancelled; running ⇄ waiting
"""

from django.db import models


class RunState(models.TextChoices):
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"  # by a person: nothing new starts
    COMPENSATING = "compensating", "Putting back"  # a step failed; what the run changed is being put back
    CANCELLING = "cancelling", "Cancelling"  # a person cancelled; the same
    SUCCEEDED = "succeeded", "Finished"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class StepState(models.TextChoices):
    READY = "ready", "Ready"  # a worker may claim it
    RUNNING = "running", "Running"  # a worker holds a lease on it
    WAITING = "waiting", "Waiting"  # for a person, an event or a time; `wake_at` when it is a time
    SUCCEEDED = "succeeded", "Done"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Skipped"
    CANCELLED = "cancelled", "Cancelled"


class DeploymentState(models.TextChoices):
    NEW = "new", "Not live yet"
    DEPLOYED = "deployed", "Live"  # it answers; some criteria of its persona are still open
    DONE = "done", "Done"  # all criteria met
    REGRESSED = "regressed", "Regressed"  # was done, is no longer
    REMOVED = "removed", "Removed"  # can be restored for seven days


class CriterionState(models.TextChoices):
    MET = "met", "Met"
    OPEN = "open", "Not yet"
    NEEDS = "needs", "Needs something"  # an input it rests on was not given


ENDED_RUNS = (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED)
ENDING_RUNS = (RunState.COMPENSATING, RunState.CANCELLING)
LIVE_STEPS = (StepState.READY, StepState.RUNNING, StepState.WAITING)

# State → the look's mark: done, going, waiting, failed or quiet.
MARKS = {
    "running": "going", "paused": "waiting", "compensating": "waiting", "cancelling": "waiting",
    "succeeded": "done", "failed": "failed", "cancelled": "quiet",
    "ready": "quiet", "waiting": "waiting", "skipped": "quiet",
    "new": "quiet", "deployed": "going", "done": "done", "regressed": "failed", "removed": "quiet",
    "met": "done", "open": "waiting", "needs": "waiting",
}  # fmt: skip
