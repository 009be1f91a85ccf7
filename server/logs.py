"""The server's log: one line an event, as text for a terminal or as JSON for machines."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from server.installation import environment


def _written_at(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class LineFormatter(logging.Formatter):
    """`2026-11-28T09:30:00.000Z [info] desirepath.engine: the message`; a traceback follows on lines of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return f"{_written_at(record)} [{record.levelname.lower()}] {record.name}: {record.message}"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: timestamp, level, logger, event, and the traceback as `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": _written_at(record), "level": record.levelname.lower(), "logger": record.name,
            "event": record.getMessage(),
        }  # fmt: skip
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure(*, debug: bool) -> dict[str, Any]:
    """Django's LOGGING."""
    formatter = JsonFormatter if environment.LOG.value() == "json" else LineFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        "handlers": {"terminal": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["terminal"], "level": "DEBUG" if debug else "INFO"},
        "loggers": {"django.db.backends": {"level": "INFO"}, "httpx": {"level": "WARNING"}},
    }
