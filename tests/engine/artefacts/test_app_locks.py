"""What a lock file names, as lines that an installer takes."""

from __future__ import annotations

import tomllib

from engine.artefacts.app_locks import pipfile, poetry, uv

UV = """
[[package]]
name = "shop"
source = { virtual = "." }
dependencies = [
    { name = "uvicorn", extra = ["standard"] }, { name = "money" },
    { name = "tzdata", marker = "sys_platform == 'win32'" },
]
dev-dependencies = { dev = [{ name = "pytest" }] }
[[package]]
name = "uvicorn"
version = "0.30.0"
source = { registry = "https://index.example" }
dependencies = [{ name = "click" }, { name = "colorama", marker = "sys_platform == 'win32'" }]
optional-dependencies = { standard = [{ name = "uvloop", marker = "sys_platform != 'win32'" }] }
[[package]]
name = "click"
version = "8.1.7"
source = { registry = "https://index.example" }
dependencies = [{ name = "colorama", marker = "platform_system == 'Windows'" }, { name = "uvicorn" }]
[[package]]
name = "colorama"
version = "0.4.6"
source = { registry = "https://index.example" }
[[package]]
name = "uvloop"
version = "0.19.0"
source = { registry = "https://index.example" }
[[package]]
name = "tzdata"
version = "2024.1"
source = { registry = "https://index.example" }
[[package]]
name = "money"
version = "1"
source = { git = "https://code.example/money.git?tag=v1#abc" }
[[package]]
name = "pytest"
version = "8"
source = { registry = "https://index.example" }
"""


def test_of_a_uv_lock_everything_the_project_asks_for_is_installed_with_when_and_nothing_else():
    assert uv(tomllib.loads(UV)) == [
        "click==8.1.7",
        "colorama==0.4.6 ; (platform_system == 'Windows') or (sys_platform == 'win32')",
        "money @ git+https://code.example/money.git@abc",
        "tzdata==2024.1 ; (sys_platform == 'win32')",
        "uvicorn==0.30.0",
        "uvloop==0.19.0 ; (sys_platform != 'win32')",
    ]


def test_of_a_package_that_is_locked_twice_each_is_asked_for_where_it_is():
    lock = """
[[package]]
name = "shop"
source = { editable = "." }
dependencies = [
    { name = "numpy", version = "1", marker = "python_version < '3.9'" },
    { name = "numpy", version = "2", marker = "python_version >= '3.9'" },
]
[[package]]
name = "numpy"
version = "1"
[[package]]
name = "numpy"
version = "2"
"""
    assert uv(tomllib.loads(lock)) == [
        "numpy==1 ; (python_version < '3.9')", "numpy==2 ; (python_version >= '3.9')",
    ]  # fmt: skip


POETRY = """
[[package]]
name = "Flask"
version = "3.0.0"
[package.dependencies]
asgiref = {version = ">=3.2", optional = true, markers = "extra == 'async'"}
click = ">=8"
importlib-metadata = {version = ">=3.6", markers = "python_version < '3.10'"}
[package.extras]
async = ["asgiref (>=3.2)"]
[[package]]
name = "asgiref"
version = "3.7"
[[package]]
name = "click"
version = "8.1.7"
[[package]]
name = "importlib_metadata"
version = "7.0"
[[package]]
name = "pytest"
version = "8.0"
[[package]]
name = "money"
version = "1.0"
source = {type = "git", url = "https://code.example/money.git", resolved_reference = "abc"}
"""


def test_of_a_poetry_lock_what_the_project_asks_for_without_what_developing_takes():
    project = {
        "tool": {"poetry": {"dependencies": {"python": "^3.11", "flask": "^3", "money": {"git": "x"}},
                            "group": {"dev": {"dependencies": {"pytest": "^8"}}}}},
    }  # fmt: skip
    plain = ["Flask==3.0.0", "click==8.1.7", "importlib_metadata==7.0 ; (python_version < '3.10')"]
    assert poetry(tomllib.loads(POETRY), project) == [*plain, "money @ git+https://code.example/money.git@abc"]
    newer = {"project": {"dependencies": ["flask[async]>=3"]}}
    assert poetry(tomllib.loads(POETRY), newer) == [plain[0], "asgiref==3.7", *plain[1:]]


def test_of_a_pipfile_lock_packages_from_version_control_keep_their_commit_and_the_app_itself_is_left_out():
    locked = {
        "default": {
            "pyyaml": {"git": "https://code.example/pyyaml.git", "ref": "abc"},
            "shop": {"editable": True, "path": "."},
            "money": {"file": "https://code.example/money.zip", "markers": "python_version > '3'"},
            "six": {"version": "==1.11.0"},
        },
        "develop": {"pytest": {"version": "==8"}},
    }  # fmt: skip
    assert pipfile(locked) == [
        "pyyaml @ git+https://code.example/pyyaml.git@abc",
        "money @ https://code.example/money.zip ; python_version > '3'",
        "six==1.11.0",
    ]
