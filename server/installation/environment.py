"""Where this installation keeps what must outlive a restart: DESIREPATH_HOME."""

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


def home(checkout: Path) -> Path:
    """The folder named by DESIREPATH_HOME, made if need be and closed to other users."""
    place = Path(os.environ.get("DESIREPATH_HOME") or checkout / "var").expanduser().resolve()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    for part in ("artefacts", "logs", "static"):
        (place / part).mkdir(mode=0o700, exist_ok=True)
    return place


def secret_key(place: Path) -> str:
    """Django's secret key. Made once: two processes that start together must end up with the same one."""
    if given := os.environ.get("DESIREPATH_SECRET_KEY"):
        return given
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


def database(place: Path, url: str | None) -> dict[str, Any]:
    """SQLite in the home folder, or the PostgreSQL that DATABASE_URL names."""
    if not url:
        return sqlite(place / "db.sqlite3")
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ValueError(f"DATABASE_URL begins with {parts.scheme}://; only postgresql:// is supported.")
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


def broker(url: str | None) -> str:
    """The broker that BROKER_URL names, Redis or RabbitMQ; "" where there is none."""
    if url and urlsplit(url).scheme not in ("redis", "rediss", "amqp", "amqps"):
        raise ValueError(f"BROKER_URL begins with {urlsplit(url).scheme}://; only redis:// and amqp:// are supported.")
    return url or ""
