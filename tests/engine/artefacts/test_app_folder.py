"""What an app's folder says of itself, read without running any of it."""

from __future__ import annotations

import json

import pytest

from engine.artefacts.app_folder import App, BadApp, Wanted, choose_python, parse

WEB = b"web: gunicorn app:app\n"


def read(more: dict[str, str] | None = None) -> App:
    files = {"Procfile": WEB, **{name: text.encode() for name, text in (more or {}).items()}}
    return parse(files)


def test_processes_and_the_release_command_are_of_the_procfile():
    app = read(more={"Procfile": "web: gunicorn app:app\n\n# a comment\nworker: python w.py\nrelease: ./migrate\n"})
    assert dict(app.processes) == {"web": "gunicorn app:app", "worker": "python w.py"}
    assert app.release == "./migrate"


@pytest.mark.parametrize(
    ("procfile", "said"),
    [
        (b"what is this", "Procfile, line 1: \u201cwhat is this\u201d is not \u201cprocess: command\u201d"),
        (b"release: ./migrate\n", "The Procfile starts nothing"),
        (b"", "The Procfile starts nothing"),
        (b"web: caf\xe9", "Procfile is not UTF-8 text"),
    ],
)
def test_a_procfile_that_cannot_be_is_refused_with_the_line(procfile, said):
    with pytest.raises(BadApp, match=said.replace("(", "\\(")):
        parse({"Procfile": procfile})


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({"manage.py": b'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")'}, "web: gunicorn shop.wsgi"),
        ({"requirements.txt": b"fastapi==1\n"}, "web: uvicorn main:app --host 0.0.0.0 --port $PORT"),
        ({"requirements.txt": b"Flask\n"}, "web: gunicorn app:app"),
        ({"x.py": b""}, "web: COMMAND that listens on $PORT"),
    ],
)
def test_without_a_procfile_it_suggests_a_line_for_what_it_seems_to_be(files, line):
    with pytest.raises(BadApp) as caught:
        parse(files)
    assert "There is no Procfile" in str(caught.value)
    assert str(caught.value).endswith(line)


@pytest.mark.parametrize(
    ("name", "text", "version"),
    [
        (".python-version", "3.11\n", "3.11"),
        (".python-version", "# ours\n3.12.4\n", "3.12"),
        ("runtime.txt", "python-3.10.14", "3.10"),
    ],
)
def test_the_python_it_pins_is_read(name, text, version):
    assert read(more={name: text}).python == version


def test_a_pin_that_is_no_python_is_refused():
    with pytest.raises(BadApp, match=r"pypy3.9.+it has to name one Python"):
        read(more={".python-version": "pypy3.9"})


@pytest.mark.parametrize(
    ("app", "installed", "chosen"),
    [
        (App({}, python="3.11"), ("3.10", "3.11"), "3.11"),
        (App({}), ("3.10", "3.11", "3.13"), "3.11"),
        (App({}, pythons=(">=3.12",)), ("3.11", "3.12", "3.13"), "3.13"),
        (App({}, pythons=(">=3.9,<3.11",)), ("3.9", "3.10", "3.11"), "3.10"),
        (App({}, pythons=("~=3.10,!=3.11.*",)), ("3.10", "3.11", "3.12"), "3.12"),
        (App({}, pythons=("==3.10.*,>3.9",)), ("3.10", "3.11"), "3.10"),
    ],
)
def test_a_python_is_chosen_of_those_that_are_installed(app, installed, chosen):
    assert choose_python(app, installed, "3.11") == chosen


@pytest.mark.parametrize(
    ("app", "said"),
    [
        (App({}, python="3.13"), "pins Python 3.13.+not installed. Found here: 3.11.+push --python 3.11"),
        (App({}, pythons=(">=3.12",)), "asks for Python >=3.12. Found here: 3.11"),
    ],
)
def test_a_python_that_is_not_there_is_named_with_those_that_are(app, said):
    with pytest.raises(BadApp, match=said):
        choose_python(app, ("3.11",), "3.11")


def test_requirements_are_read_with_the_files_they_include_and_without_the_app_itself():
    app = read(
        more={
            "requirements.txt": "-r requirements/base.txt\n-e .\n--no-binary x\nflask==3 \\\n --hash=sha256:ab\n",
            "requirements/base.txt": "django>=5  # the framework\n-c limits.txt\n.[dev]\n",
            "requirements/limits.txt": "-r base.txt\nsix<2\n",
        }
    )
    assert app.requirements == ("django>=5", "six<2", "flask==3")


def test_an_included_file_that_is_not_there_is_named():
    with pytest.raises(BadApp, match=r"requirements.txt includes gone.txt, which is not in the folder"):
        read(more={"requirements.txt": "-r gone.txt"})


def test_a_pipfile_lock_and_a_pyproject_name_packages_too():
    locked = {
        "default": {"flask": {"version": "==3.0", "extras": ["async"], "markers": "python_version > '3'"}, "x": {}}
    }
    assert read(more={"Pipfile.lock": json.dumps(locked)}).requirements == (
        "flask[async]==3.0; python_version > '3'", "x",
    )  # fmt: skip
    project = '[project]\nname = "x"\nrequires-python = ">=3.10,<3.13"\ndependencies = ["httpx>=0.27"]\n'
    app = read(more={"pyproject.toml": project, "src/x/__init__.py": ""})
    assert (app.requirements, app.pythons, app.paths) == (("httpx>=0.27",), ("<3.13,>=3.10",), ("src",))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("pyproject.toml", "[tool.poetry.dependencies]\nflask = '^3'\n", "no poetry.lock. Write it: poetry lock"),
        ("Pipfile", "[packages]\nflask = '*'\n", "no Pipfile.lock, which names the packages. Write it: pipenv lock"),
        ("setup.py", "import setuptools\nx = open('r')\nsetuptools.setup(install_requires=x)", "List them in requirem"),
    ],
)
def test_packages_that_cannot_be_known_are_refused_with_what_to_write(name, text, said):
    with pytest.raises(BadApp, match=said):
        read(more={name: text})


def test_requirements_may_come_from_version_control_and_from_more_places_than_one():
    text = (
        "--extra-index-url https://wheels.example/cpu\n--index-url https://one.example\n-f ./wheels\n"
        "-e git+https://code.example/money.git@v1#egg=money\r\n--editable=git+https://code.example/x.git\n"
        "shelf @ https://code.example/shelf.zip\n"
    )
    app = read(more={"requirements.txt": text})
    assert app.requirements == (
        "--extra-index-url https://wheels.example/cpu", "git+https://code.example/money.git@v1#egg=money",
        "git+https://code.example/x.git", "shelf @ https://code.example/shelf.zip",
    )  # fmt: skip
    assert app.packages == 3


def test_packages_of_its_own_are_found_in_their_folders_and_what_they_ask_for_is_installed():
    app = read(
        more={
            "requirements.txt": "-e .[web]\n./libs/money\n-e libs\n",
            "pyproject.toml": '[project]\ndependencies = ["six"]\noptional-dependencies.web = ["flask"]\n',
            "libs/money/setup.py": "from setuptools import setup\nsetup(install_requires=['babel>=2'])\n",
            "libs/money/src/money/__init__.py": "",
        }
    )
    assert app.requirements == ("six", "flask", "babel>=2", "libs")
    assert app.paths == ("libs/money/src",)
    assert read(more={"setup.py": "setup(name='x', install_requires=['six'])"}).requirements == ("six",)


def test_a_poetry_lock_is_read_with_the_python_it_is_for():
    project = "[tool.poetry.dependencies]\npython = '^3.10'\nflask = '^3'\n"
    lock = "[[package]]\nname = 'flask'\nversion = '3.0'\n"
    app = read(more={"pyproject.toml": project, "poetry.lock": lock})
    assert (app.requirements, app.pythons) == (("flask==3.0",), ("<4,>=3.10",))


def test_files_written_on_windows_are_read():
    app = read(
        more={"Procfile": "web : gunicorn app:app\r\nworker: rq worker\r\n", "requirements.txt": "six \\\r\n\r\n"}
    )
    assert dict(app.processes) == {"web": "gunicorn app:app", "worker": "rq worker"}
    assert app.requirements == ("six",)


def test_a_pipfile_lock_pins_the_python_where_nothing_else_does():
    locked = json.dumps({"_meta": {"requires": {"python_version": "3.9"}}, "default": {}})
    assert read(more={"Pipfile.lock": locked}).python == "3.9"
    assert read(more={"Pipfile.lock": locked, "runtime.txt": "python-3.11.4\n"}).python == "3.11"
    assert read(more={"Pipfile.lock": locked, "requirements.txt": "six\n"}).python == ""


@pytest.mark.parametrize(
    ("pinned", "named"), [("3.14", "3.13"), ("3.6", "3.8"), ("3.10", "3.11"), ("3.12", "3.13")],
)  # fmt: skip
def test_the_python_nearest_to_a_missing_one_is_named(pinned, named):
    with pytest.raises(BadApp, match=rf"push --python {named}$"):
        choose_python(App({}, python=pinned), ("3.8", "3.9", "3.11", "3.13"), "3.11")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("app.json", "{", "app.json is not JSON"),
        ("app.json", "[]", "app.json has to be an object"),
        ("pyproject.toml", "[", "pyproject.toml cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(name, text, said):
    with pytest.raises(BadApp, match=said):
        read(more={name: text})


def test_app_json_names_tests_settings_and_counts():
    described = {
        "environments": {"test": {"scripts": {"test": "pytest -q"}, "env": {"A": "1", "B": {"value": "2"}}}},
        "env": {"SECRET": {"generator": "secret"}, "KEY": {"description": "of the bank"}, "MODE": "quiet",
                "MAYBE": {"required": False}},
        "formation": {"web": {"quantity": 2}, "worker": {"quantity": 0}, "odd": "x"},
    }  # fmt: skip
    app = read(more={"app.json": json.dumps(described), "Procfile": "web: a\nworker: b\nclock: c\n"})
    assert (app.test, dict(app.test_env)) == ("pytest -q", {"A": "1", "B": "2"})
    assert app.env == {
        "SECRET": Wanted(generated=True), "KEY": Wanted(about="of the bank"), "MODE": Wanted("quiet"),
        "MAYBE": Wanted(needed=False),
    }  # fmt: skip
    assert [app.count(p, {}) for p in ("web", "worker", "clock")] == [2, 0, 1]
    assert app.count("web", {"web": 5}) == 5


@pytest.mark.parametrize(
    ("files", "manage"),
    [
        ({"manage.py": "", "requirements.txt": "Django>=5"}, "manage.py"),
        ({"manage.py": "", "requirements.txt": "flask"}, ""),
        ({"requirements.txt": "Django>=5"}, ""),
        ({"manage.py": "", "requirements.txt": "django", "app.json": '{"env": {"DISABLE_COLLECTSTATIC": "1"}}'}, ""),
        ({"site/manage.py": "", "a/b/manage.py": "", "requirements.txt": "Django"}, "site/manage.py"),
        ({"a/b/c/manage.py": "", "requirements.txt": "Django"}, ""),
        ({"manage.py": "", "requirements.txt": "django-filter"}, ""),
    ],
)
def test_only_a_django_project_has_static_files_to_collect(files, manage):
    assert read(more=files).manage == manage


@pytest.mark.parametrize(
    ("said", "installed", "chosen"),
    [
        ('requires-python = "<3.11.5"', ("3.10", "3.11", "3.12"), "3.11"),
        ('requires-python = ">=3.9,!=3.9.1"', ("3.9",), "3.9"),
        ('requires-python = "==3.10.*"', ("3.10", "3.11"), "3.10"),
        ('requires-python = ">=3.10.4, <3.13"', ("3.9", "3.10"), "3.10"),
        ('requires-python = "~=3.10"', ("3.9", "3.12"), "3.12"),
        ('requires-python = "~=3.10.2"', ("3.10", "3.11"), "3.10"),
    ],
)
def test_requires_python_means_what_packaging_says(said, installed, chosen):
    files = {"Procfile": b"web: x", "pyproject.toml": f'[project]\nname = "x"\n{said}\n'.encode()}
    assert choose_python(parse(files), installed, own="3.11") == chosen


@pytest.mark.parametrize(
    ("said", "fits", "not_"),
    [
        ("^3.10", "3.12", "3.9"), ("~3.10", "3.10", "3.11"), (">=3.9 <3.11", "3.10", "3.11"),
        ("3.10.*", "3.10", "3.11"), ("3.10", "3.10", "3.11"),
        ("~3.9 || ~3.11", "3.11", "3.10"), (">=3.9,<4.0", "3.12", "3.8"), ("*", "3.8", ""),
    ],
)  # fmt: skip
def test_poetrys_own_signs_are_understood(said, fits, not_):
    project = f'[tool.poetry]\nname = "x"\n[tool.poetry.dependencies]\npython = "{said}"\n'
    app = parse({"Procfile": b"web: x", "pyproject.toml": project.encode(), "poetry.lock": b""})
    assert choose_python(app, (fits,), own="3.99") == fits
    if not_:
        with pytest.raises(BadApp, match="asks for Python"):
            choose_python(app, (not_,), own="3.99")


def test_a_range_that_is_none_is_named():
    files = {"Procfile": b"web: x", "pyproject.toml": b'[project]\nname = "x"\nrequires-python = "3.11 or so"\n'}
    with pytest.raises(BadApp, match=r"“3\.11 or so”, which is not a range of versions"):
        parse(files)
