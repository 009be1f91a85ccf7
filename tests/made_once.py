"""What every test process would make again, made once a session and copied: migrated databases and a seeded home.

The first process that needs one makes it, the others wait for it. All of it is removed when the session ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

CHECKOUT = Path(__file__).resolve().parent.parent
FOLDER = "DESIREPATH_TESTS_MADE"  # names the session's folder to the processes it starts
Make = Callable[[Path], None]


@contextlib.contextmanager
def session() -> Iterator[None]:
    """The outermost process makes the folder and removes it; those it starts find it in the environment."""
    if here():
        yield
        return
    os.environ[FOLDER] = tempfile.mkdtemp(prefix="desirepath-made-")
    try:
        yield
    finally:
        for address in folder().glob("*.database"):
            drop_database(address.read_text())
        shutil.rmtree(folder(), ignore_errors=True)
        del os.environ[FOLDER]


def here() -> bool:
    """Whether this process is part of a session; a bench is not."""
    return FOLDER in os.environ


def folder() -> Path:
    return Path(os.environ[FOLDER])


def once(name: str, make: Make) -> Path:
    """The file or folder of this name; the first who asks makes it, under a name that is given away only when done."""
    made, draft = folder() / name, folder() / f"draft-{name}"
    with (folder() / f"{name}.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not made.exists():
            make(draft)
            draft.rename(made)
    return made


def count(name: str) -> int:
    """One more each time, from a number of this session's own: no two of its processes are told the same."""
    with (folder() / name).open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(".")
        file.flush()
        return zlib.crc32(folder().name.encode()) + file.tell()


def manage(home: Path, *arguments: str, **more: str) -> None:
    """`manage.py` in this home alone, whatever home or database the tests have."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DESIREPATH_", "DJANGO_"))}
    kept.pop("DATABASE_URL", None)
    env = {**kept, "DJANGO_SETTINGS_MODULE": "server.settings", "DESIREPATH_HOME": str(home), **more}
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def migrated_file() -> Path:
    """A SQLite file with every migration applied and no rows but theirs, to copy."""

    def make(draft: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="dp-") as home:
            manage(Path(home), "migrate", "--verbosity", "0")
            shutil.copy(Path(home) / "db.sqlite3", draft)  # closed by its only process, so its log is in it

    return once("migrated.sqlite3", make)


def migrated_database(server: str) -> str:
    """The address of a PostgreSQL database with every migration applied, to be the template of others."""

    def make(draft: Path) -> None:
        address = new_database(server)
        draft.write_text(address)
        with tempfile.TemporaryDirectory(prefix="dp-") as home:
            manage(Path(home), "migrate", "--verbosity", "0", DATABASE_URL=address)

    return once("migrated.database", make).read_text()


def new_database(server: str, template: str = "") -> str:
    """A database of its own, a copy of the template where one is given; its address."""
    name = f"dp_{secrets.token_hex(4)}"
    like = f" template {urlsplit(template).path[1:]}" if template else ""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name}{like}")
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


def drop_database(address: str) -> None:
    server = urlunsplit(urlsplit(address)._replace(path="/postgres"))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"drop database if exists {urlsplit(address).path[1:]} with (force)")
