"""What goes on while things are killed: a flow with every sort of block, and a ledger of what it really did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

# A job appends one line to a file named after itself (its name holds run, leaf, iteration and attempt): a job that is
# started twice leaves two lines in one file, and a step that is done twice leaves two files of one identity.
NOTE = 'echo "${{ run.id }} %s" >> "${{ inputs.ledger }}/${DESIREPATH_WORKLOAD##*/}"'

FLOW = """
desirepath: 1
template: campaign
persona: ml-engineer
title: Everything at once
inputs:
  ledger: {type: text}
  slow: {type: text}
  breaks: {type: text, optional: true}
flow:
  - id: first
    uses: command.run
    with: {command: 'FIRST'}
    compensate: {uses: command.run, with: {command: 'UNDO'}}
  - parallel:
      - - {id: held, uses: http.check, retries: 5, with: {url: "${{ inputs.slow }}", within: 30}}
        - {id: left, uses: command.run, with: {command: 'LEFT; sleep 0.4'}}
      - - {id: alone, uses: command.run, mutex: campaign, with: {command: 'ALONE'}}
  - foreach:
      in: [1, 2, 3]
      as: item
      max_parallel: 2
      flow: [{id: each, uses: command.run, with: {command: 'EACH'}}]
  - repeat:
      at_most: 3
      until: "${{ steps.round.outputs.result.n == 2 }}"
      flow:
        - id: round
          uses: command.run
          with: {command: 'ROUND; until echo "{\\"n\\": $n}" > "$RESULT"; do sleep 0.2; done'}  # the disk may be full
      again: [{id: again, uses: command.run, with: {command: 'AGAIN'}}]
  - {id: ask, uses: approve, with: {by: team}}
  - choose:
      - when: "${{ has(inputs.breaks) && inputs.breaks == 'yes' }}"
        flow:
          - id: breaks
            uses: command.run
            retries: {temporary: 1, wait: 0.2}
            with: {command: 'BREAKS; exit 3'}
      - otherwise: true
        flow: [{id: last, uses: command.run, with: {command: 'LAST'}}]
"""
ROUND = "n=${{ has(steps.again.outputs) ? 2 : 1 }}; "
WORDS = {
    "FIRST": NOTE % "first", "UNDO": NOTE % "undo", "LEFT": NOTE % "left", "ALONE": NOTE % "alone",
    "EACH": NOTE % "each-${{ each.item }}", "ROUND": ROUND + NOTE % "round-$n", "AGAIN": NOTE % "again",
    "BREAKS": NOTE % "breaks", "LAST": NOTE % "last",
}  # fmt: skip
ALWAYS = ("first", "left", "alone", "each-1", "each-2", "each-3", "round-1", "round-2", "again")


def template() -> str:
    text = FLOW
    for word, command in WORDS.items():
        text = text.replace(word, command)
    return text


def expected(run: int, breaks: bool) -> Counter[str]:
    """What this run has to have done when it is over, and how often."""
    found = Counter(f"{run} {what}" for what in ALWAYS)
    # The step that breaks is tried again once, by its template: two attempts, each of which starts once.
    return found + Counter({f"{run} breaks": 2, f"{run} undo": 1} if breaks else {f"{run} last": 1})


@dataclass
class Verdict:
    runs: int = 0
    finished: int = 0
    effects: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)  # runs that ended otherwise than they had to, or not at all


class Ledger:
    """The folder that the jobs write to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def files(self) -> dict[str, list[str]]:
        return {path.name: path.read_text().splitlines() for path in self.folder.iterdir()}

    def judge(self, started: dict[int, bool], ended: dict[int, tuple[str, str]]) -> Verdict:
        """`started`: run → whether it had to break; `ended`: run → (state, reason)."""
        files = self.files()
        seen = Counter(line for lines in files.values() for line in lines[:1])
        verdict = Verdict(len(started), effects=sum(map(len, files.values())))
        verdict.doubled = [f"{lines[0]} ({name}) started {len(lines)} times" for name, lines in files.items()
                           if len(lines) > 1]  # fmt: skip
        for run, breaks in started.items():
            state, reason = ended.get(run, ("lost", ""))
            wanted = expected(run, breaks)
            mine = Counter({what: n for what, n in seen.items() if what.split()[0] == str(run)})
            verdict.doubled += [f"{what} done {n} times more" for what, n in (mine - wanted).items()]
            verdict.lost += [f"{what} missing" for what in (wanted - mine)]
            if state == ("failed" if breaks else "succeeded"):
                verdict.finished += 1
            else:
                verdict.wrong.append(f"run {run} {state}: {reason}")
        return verdict
