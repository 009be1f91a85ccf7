"""What a release's row keeps of what it runs, without any secret: enough to start all of it again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.targets.base import Environment, Source, Workload


@dataclass(frozen=True)
class ServedModel:
    """A model behind our model server."""

    packed: str  # sha256 of the model as the server opens it
    environment: Environment
    onnx: bool = False
    why_not_onnx: str = ""
    sample_row: Mapping[str, Any] | None = None  # one real row it can be asked with
    sample_answer: Any = None

    def stored(self) -> dict[str, Any]:
        """As JSON, in the release's row."""
        return dataclasses.asdict(self)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> ServedModel:
        """From what `stored` gave, also by an older version of it."""
        known = {field.name for field in dataclasses.fields(cls)}
        given = {name: value for name, value in stored.items() if name in known}
        return cls(**{**given, "environment": Environment.read(stored["environment"])})


@dataclass(frozen=True)
class Program:
    """One process of an app's release: `web.1`."""

    process: str
    answers: bool  # it takes requests; the others work beside it
    workload: Workload

    def stored(self) -> dict[str, Any]:
        return {"process": self.process, "answers": self.answers, "workload": self.workload.stored()}

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Program:
        return cls(str(stored["process"]), bool(stored["answers"]), Workload.read(stored["workload"]))


@dataclass(frozen=True)
class RunningApp:
    """An app's folder, the environment it runs in, and its processes."""

    source: Source
    environment: Environment
    check: str | None = None  # a path that has to answer 200 before the release gets requests
    env: Mapping[str, str] = field(default_factory=dict)  # what everybody may read
    programs: tuple[Program, ...] = ()

    def stored(self) -> dict[str, Any]:
        """As JSON, in the release's row."""
        return {
            "source": dataclasses.asdict(self.source), "environment": dataclasses.asdict(self.environment),
            "check": self.check, "env": dict(self.env), "programs": [program.stored() for program in self.programs],
        }  # fmt: skip

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> RunningApp:
        """From what `stored` gave, also by an older version of it."""
        return cls(
            Source(**stored["source"]), Environment.read(stored["environment"]), stored.get("check"),
            dict(stored.get("env", {})), tuple(map(Program.read, stored.get("programs", ()))),
        )  # fmt: skip
