"""How large outputs may be: small ones stand in the step's row, large ones become files, huge ones fail the step."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engine.models import Artefact
from engine.models.artefact import store as artefacts
from engine.outcomes import PermanentFailure

if TYPE_CHECKING:
    from engine.models import Run

IN_THE_ROW = 64 << 10  # bytes of JSON of one output
LARGEST_OUTPUT = 16 << 20
MARK = "large output"  # a file that stands for a value; what reads the value gets it back


def store(outputs: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """The outputs as the row has them. Raises PermanentFailure: too large, or not JSON."""
    return {name: _stored(name, value, run) for name, value in outputs.items()}


def _stored(name: str, value: Any, run: Run) -> Any:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise PermanentFailure(f"The output “{name}” cannot be stored as JSON: {error}") from error
    if len(text) <= IN_THE_ROW:
        return storable(value) if b"\\u0000" in text else value
    if len(text) > LARGEST_OUTPUT:
        raise PermanentFailure(
            f"The output “{name}” has {len(text) >> 20} MB; {LARGEST_OUTPUT >> 20} MB is the most. Put it into a file."
        )
    artefact = Artefact.objects.keep(io.BytesIO(text), f"{name}.json", run.team, None)
    return {MARK: artefact.value()}


def storable(value: Any) -> Any:
    """The value without NUL characters, which PostgreSQL refuses; they are replaced as bytes that are no text are."""
    match value:
        case str():
            return value.replace("\0", "\ufffd")
        case Mapping():
            return {storable(key): storable(item) for key, item in value.items()}
        case list() | tuple():
            return [storable(item) for item in value]
        case _:
            return value


def load(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs with the large ones read back."""
    return {name: _loaded(value) for name, value in outputs.items()}


def _loaded(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {MARK}:
        return json.loads(artefacts().path(value[MARK]["sha256"]).read_bytes())
    return value
