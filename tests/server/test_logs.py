"""A line of the server's log, for people and for machines."""

import json
import logging
import sys

from server.logs import JsonFormatter, LineFormatter


def record(message: str, *args: object, error: bool = False) -> logging.LogRecord:
    exc_info = None
    if error:
        try:
            raise ValueError("模型评估")
        except ValueError:
            exc_info = sys.exc_info()
    made = logging.LogRecord("desirepath.engine", logging.WARNING, "path", 1, message, args, exc_info)
    made.created = 1_795_858_200.0
    return made


def test_a_line_for_people_names_the_time_in_utc_the_level_and_the_logger():
    line = LineFormatter().format(record("step %s waits", "模型评估"))
    assert line == "2026-11-28T09:30:00.000Z [warning] desirepath.engine: step 模型评估 waits"


def test_a_line_for_people_is_followed_by_the_traceback():
    first, *rest = LineFormatter().format(record("it broke", error=True)).splitlines()
    assert first.endswith("it broke")
    assert rest[0].startswith("Traceback")
    assert rest[-1] == "ValueError: 模型评估"


def test_a_line_for_machines_is_one_json_object_also_with_a_traceback():
    line = JsonFormatter().format(record("it broke:\n%s", "twice", error=True))
    assert "\n" not in line
    read = json.loads(line)
    assert read.pop("exception").endswith("ValueError: 模型评估")
    assert read == {
        "timestamp": "2026-11-28T09:30:00.000Z", "level": "warning", "logger": "desirepath.engine",
        "event": "it broke:\ntwice",
    }  # fmt: skip
