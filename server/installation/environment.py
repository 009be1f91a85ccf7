"""Every environment variable that the server reads: settings, checks and docs/environment.md come from this one table.

The client has its own three (`desirepath.connection`), because it is installed without the server.
"""

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from lib.environment import Variable, address, each, flag, host, one_of, whole, words

POSTGRES = ("postgres", "postgresql")
BROKERS = ("redis", "rediss", "amqp", "amqps")

HOME = Variable(
    "DESIREPATH_HOME",
    "The folder of all state: database, artefacts, logs, generated keys.",
    absent="`var/` in the checkout",
    example="/srv/desirepath",
)
PORT = Variable(
    "DESIREPATH_PORT",
    "The port of the pages. A port that is asked for and taken is an error.",
    0,
    whole(1, 65535),
    example="8801",
    absent="the first free one from 8800",
)
HOSTS = Variable(
    "DESIREPATH_HOSTS",
    "Host names that the pages answer to, separated by commas.",
    ["localhost", "127.0.0.1", "[::1]", "testserver"],
    each(host, ","),
    example="desirepath.example.org",
    absent="this machine's own",
)
ORIGINS = Variable(
    "DESIREPATH_ORIGINS",
    "Origins whose forms are trusted behind a proxy, separated by commas.",
    [],
    each(address(("http", "https")), ","),
    example="https://desirepath.example.org",
    absent="none",
)
TLS = Variable(
    "DESIREPATH_TLS", "1 behind a proxy that speaks TLS: cookies are sent over https alone.", False, flag, "1"
)
DATABASE = Variable(
    "DATABASE_URL",
    "PostgreSQL, where one machine is outgrown.",
    "",
    address(POSTGRES, path="DATABASE"),
    example="postgresql://desirepath@db.example.org/desirepath",
    secret=True,
    absent="SQLite in the home",
)
BROKER = Variable(
    "BROKER_URL",
    "Redis or RabbitMQ: wakes waiting workers sooner.",
    "",
    address(BROKERS),
    example="redis://127.0.0.1:6379/0",
    secret=True,
    absent="workers look once a second",
)
SECRET_KEY = Variable(
    "DESIREPATH_SECRET_KEY",
    "Signs sessions and seals settings of services.",
    secret=True,
    example="a long random text",
    absent="made once, kept in the home",
)
SECRET_KEY_BEFORE = Variable(
    "DESIREPATH_SECRET_KEY_BEFORE",
    "Earlier secret keys, separated by spaces: what they sealed can still be read.",
    [],
    words(None),
    example="the key of before",
    secret=True,
    absent="none",
)
UPLOAD_LIMIT = Variable(
    "DESIREPATH_UPLOAD_LIMIT",
    "The largest file that may be handed in, in bytes.",
    2 << 30,
    whole(1, 1 << 50),
    example=str(2 << 30),
    absent="2 GB",
)
LOG = Variable(
    "DESIREPATH_LOG",
    "json: one JSON object a line in the logs.",
    "",
    one_of("json", "text"),
    "json",
    absent="text",
)
DEBUG = Variable("DESIREPATH_DEBUG", "1 for development: tracebacks in pages. Never in production.", False, flag, "1")
METRICS_TOKEN = Variable(
    "DESIREPATH_METRICS_TOKEN",
    "The bearer token that may read /metrics from elsewhere.",
    secret=True,
    example="a random text",
    absent="only this machine may",
)
RUN_ONCE = Variable("RUN_ONCE", "1: `make run` ends everything at its end.", False, flag, "1", shared=True)
OTLP = Variable(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "Where a span for each step is sent.",
    "",
    address(("http", "https")),
    example="http://127.0.0.1:4318",
    absent="nowhere",
    shared=True,
)
OTLP_TRACES = Variable(
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "The same, for spans alone; wins over the other.",
    "",
    address(("http", "https")),
    example="http://127.0.0.1:4318/v1/traces",
    absent="nowhere",
    shared=True,
)
OTEL_SERVICE_NAME = Variable(
    "OTEL_SERVICE_NAME", "The service name that spans carry.", "desirepath", example="desirepath"
)
XDG_RUNTIME_DIR = Variable(
    "XDG_RUNTIME_DIR",
    "The folder of the local target's sockets. Their paths have to be short.",
    absent="a folder of your own below the one for temporary files",
    example="/run/user/1000",
)
PATH = Variable("PATH", "Where Pythons, git, uv and Chromium are looked for.", example="/usr/bin:/bin")
PYENV_ROOT = Variable("PYENV_ROOT", "Where pyenv keeps its Pythons.", "~/.pyenv", example="~/.pyenv")

VARIABLES = (
    HOME, PORT, HOSTS, ORIGINS, TLS, DATABASE, BROKER, SECRET_KEY, SECRET_KEY_BEFORE, UPLOAD_LIMIT, LOG, DEBUG,
    METRICS_TOKEN, RUN_ONCE, OTLP, OTLP_TRACES, OTEL_SERVICE_NAME, XDG_RUNTIME_DIR, PATH, PYENV_ROOT,
)  # fmt: skip


class WrongEnvironment(ImproperlyConfigured):
    """An environment variable has a value that stops every command; the message says which, and what to set."""


def home(checkout: Path) -> Path:
    """The folder named by DESIREPATH_HOME, made if need be and closed to other users. Raises WrongEnvironment."""
    place = Path(HOME.value() or checkout / "var").expanduser().resolve()
    try:
        for part in ("", "artefacts", "logs", "static"):
            (place / part).mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise WrongEnvironment(
            f"The home {place} cannot be used: {error.strerror}. Name a folder of your own in {HOME.name}."
        ) from error
    return place


def secret_key(place: Path) -> str:
    """Django's secret key. Made once: two processes that start together must end up with the same one."""
    if given := SECRET_KEY.value():
        return str(given)
    file = place / "secret_key"
    if not file.exists():
        draft = place / f".secret_key.{os.getpid()}.{secrets.token_hex(4)}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50))
        try:
            os.link(draft, file)  # fails if somebody was faster; then theirs is the key
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text()


def sqlite(file: Path) -> dict[str, Any]:
    """IMMEDIATE so that a writer waits at the start and never fails in the middle; WAL so that readers never wait."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": file,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
        },
    }


def database(place: Path) -> dict[str, Any]:
    """SQLite in the home folder, or the PostgreSQL that DATABASE_URL names.

    Raises WrongEnvironment for an address that cannot be read: SQLite in its place would be another database.
    """
    if problem := DATABASE.problem():
        raise WrongEnvironment(f"{problem}. {DATABASE.remedy}")
    url = DATABASE.value()
    if not url:
        return sqlite(place / "db.sqlite3")
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": dict(parse_qsl(parts.query)),
        "CONN_HEALTH_CHECKS": True,
    }


def page() -> str:
    """The rows of docs/environment.md."""
    rows = (f"| `{var.name}` | {var.means} | {var.absent or _plain(var.default)} |" for var in VARIABLES)
    return "\n".join(("| variable | meaning | without it |", "| --- | --- | --- |", *rows))


def _plain(value: Any) -> str:
    return {False: "no", "": "–"}.get(value, f"`{value}`")
