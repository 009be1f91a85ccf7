"""The environment variables: read in one place, listed in one table, and refused in words where they are wrong."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from server.installation import environment
from server.installation.checks import combinations, refuse_wrong_environment, unknown, variables
from tests.homes import free_port

CHECKOUT = Path(__file__).resolve().parents[2]
# Where `environ` may stand: the one place, the client's, what hands Django its settings, and programs that run inside a
# model's own environment and import nothing of ours.
MAY = {
    "lib/environment.py", "desirepath/connection.py", "manage.py", "server/asgi.py", "server/celery.py",
    "engine/targets/local/processes.py",
}  # fmt: skip


def sources() -> list[Path]:
    rooms = ("lib", "people", "research", "engine", "journeys", "server", "desirepath")
    return [path for room in rooms for path in (CHECKOUT / room).rglob("*.py") if "migrations" not in path.parts]


def test_no_environ_stands_elsewhere() -> None:
    reads = re.compile(r"\benviron\b|\bgetenv\b")
    found = {str(path.relative_to(CHECKOUT)) for path in sources() if reads.search(path.read_text())}
    assert {name for name in found if not name.startswith("engine/runtimes/")} - MAY == set()


def test_every_variable_that_is_read_by_name_is_in_the_table() -> None:
    known = {variable.name for variable in environment.VARIABLES}
    for path in sources():
        for name in re.findall(r"environment\.get\(\"(\w+)\"", path.read_text()):
            assert name in known, path


def test_the_page_has_the_table() -> None:
    assert environment.page() in (CHECKOUT / "docs" / "environment.md").read_text()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DESIREPATH_PORT", "abc", "DESIREPATH_PORT is “abc”: it has to be a whole number from 1 to 65535"),
        ("DESIREPATH_PORT", "٣", "a whole number"),
        ("DESIREPATH_TLS", "yes", "1 for yes or 0 for no"),
        ("DESIREPATH_UPLOAD_LIMIT", "2 GB", "a whole number"),
        ("DATABASE_URL", "mysql://root:s3cret@db/x", "an address that begins with postgres:// or postgresql://"),
        ("DATABASE_URL", "postgresql://", "an address that ends in /DATABASE"),
        ("DATABASE_URL", "postgres://u:s3cret@h:abc/db", "an address that can be read"),
        ("DATABASE_URL", "postgresql://u:s3cret℀x@h/db", "an address that can be read"),
        ("DATABASE_URL", "postgresql://db.example.org", "an address that ends in /DATABASE"),
        ("BROKER_URL", "kafka://x", "redis://"),
        ("BROKER_URL", "redis", "redis://"),
        ("DESIREPATH_ORIGINS", "http", "an address that begins with http:// or https://"),
        ("DESIREPATH_ORIGINS", "foo", "an address that begins with http:// or https://"),
        ("DESIREPATH_HOSTS", "https://a.example.org", "names of hosts, without https:// before them"),
        ("DESIREPATH_LOG", "xml", "json or text"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_has_to_be(monkeypatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(name, value)
    (error,) = variables(None)
    assert said in error.msg
    assert "s3cret" not in error.msg
    assert f"Set {name}=" in str(error.hint)
    with pytest.raises(ImproperlyConfigured, match=name):
        refuse_wrong_environment()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql:///desirepath?host=/run/postgresql"), ("DATABASE_URL", "postgresql://?service=x"),
        ("DATABASE_URL", "postgres://a:b%2Fc@db.example.org:5432/x?sslmode=require"), ("BROKER_URL", "redis://"),
        ("BROKER_URL", "amqp:///"), ("DESIREPATH_ORIGINS", "https://a.example.org, https://b.example.org"),
        ("DESIREPATH_HOSTS", "a.example.org:8000, b.example.org"), ("DESIREPATH_UPLOAD_LIMIT", " 100 "),
    ],
)  # fmt: skip
def test_what_started_before_still_starts(monkeypatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert variables(None) == []


def test_what_others_read_too_is_warned_of_and_stops_nothing(monkeypatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317")
    assert [message.id for message in variables(None)] == ["desirepath.W004"]
    refuse_wrong_environment()


def test_no_command_takes_another_database_than_the_one_that_was_meant(tmp_path: Path) -> None:
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "server.settings", "DESIREPATH_HOME": str(tmp_path / "home"),
           "DATABASE_URL": "postgresqll://db/x"}  # fmt: skip
    ended = subprocess.run(
        [sys.executable, "manage.py", "backup", str(tmp_path / "saved.tar")], cwd=CHECKOUT, env=env,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "DATABASE_URL has a value that cannot be read" in ended.stderr
    assert not (tmp_path / "saved.tar").exists()


def test_a_database_that_does_not_answer_is_one_sentence(tmp_path: Path) -> None:
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "server.settings", "DESIREPATH_HOME": str(tmp_path / "home"),
           "DATABASE_URL": f"postgresql://desirepath:s3cret@127.0.0.1:{free_port()}/x"}  # fmt: skip
    ended = subprocess.run(
        [sys.executable, "manage.py", "migrate"], cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "The database that DATABASE_URL names does not answer" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "s3cret" not in ended.stderr


def test_right_values_are_no_problem(monkeypatch) -> None:
    for variable in environment.VARIABLES:
        if variable.example and variable not in (environment.PATH, environment.HOME):
            monkeypatch.setenv(variable.name, variable.example)
    assert variables(None) == []
    assert environment.HOSTS.value() == ["desirepath.example.org"]
    assert [message.id for message in combinations(None)] == []


def test_a_misspelt_one_is_warned_of(monkeypatch) -> None:
    monkeypatch.setenv("DESIREPATH_PROT", "8801")
    assert [message.msg for message in unknown(None)] == ["DESIREPATH_PROT is no variable of Desirepath."]


def test_tls_without_a_host_name_is_warned_of(monkeypatch) -> None:
    monkeypatch.setenv("DESIREPATH_TLS", "1")
    monkeypatch.delenv("DESIREPATH_HOSTS", raising=False)
    assert [message.id for message in combinations(None)] == ["desirepath.W002"]


@pytest.mark.parametrize("command", ["engine", "up", "check"])
def test_a_command_refuses_to_start_with_one(tmp_path: Path, command: str) -> None:
    env = {**os.environ, "DESIREPATH_HOME": str(tmp_path), "DESIREPATH_PORT": "many"}
    ended = subprocess.run(
        [sys.executable, "manage.py", command], cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "DESIREPATH_PORT is “many”" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "server.settings",
        "DESIREPATH_HOME": str(tmp_path / "file" / "home"),
    }
    ended = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "cannot be used: Not a directory. Name a folder of your own in DESIREPATH_HOME." in ended.stderr
    assert "Traceback" not in ended.stderr
