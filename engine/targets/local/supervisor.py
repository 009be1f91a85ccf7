"""supervisord, started detached when first needed. It only keeps the shims alive; the state is in files."""

from __future__ import annotations

import contextlib
import http.client
import os
import shlex
import signal
import subprocess
import sys
import time
import xmlrpc.client
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import Faults, SupervisorTransport

from engine.targets.base import TargetError
from engine.targets.local import processes
from engine.targets.local.places import Places

SHIM = Path(__file__).with_name("shim.py")
HARMLESS = {Faults.ALREADY_ADDED, Faults.ALREADY_STARTED, Faults.BAD_NAME, Faults.NOT_RUNNING, Faults.STILL_RUNNING}

CONFIG = """\
[supervisord]
nodaemon=false
directory={root}
logfile={root}/supervisord.log
logfile_maxbytes=1MB
logfile_backups=1
pidfile={root}/supervisord.pid
umask=077
[unix_http_server]
file={socket}
chmod=0700
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[include]
files=programs/*.ini
"""

# A shim that ends with 0 is done; one that was killed is started again. The shim deals with failures of its program.
PROGRAM = """\
[program:{name}]
command={command}
autostart={autostart}
autorestart=unexpected
exitcodes=0
startsecs=0
stopwaitsecs=20
stdout_logfile=NONE
stderr_logfile=NONE
stdin=/dev/null
"""


class Supervisor:
    def __init__(self, places: Places) -> None:
        self.places = places

    @property
    def _config(self) -> Path:
        return self.places.root / "supervisord.conf"

    def pid(self) -> int | None:
        """The living supervisord's process; None when there is none."""
        try:
            pid = int((self.places.root / "supervisord.pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes() if os.path.isdir("/proc/self") else None
        except (OSError, ValueError):
            return None
        if command is not None and str(self._config).encode() not in command:
            return None  # the number was given to somebody else
        return pid if processes.started(pid) else None

    def ensure(self) -> bool:
        """Start it unless it runs, and wait until it answers. True when it was started. Call with the target's lock."""
        if self.pid():
            if self._answers(3):
                return False
            self.kill()  # alive without its socket: its shims do not mind
        self._config.write_text(CONFIG.format(root=_escaped(self.places.root), socket=_escaped(self._socket)))
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(self.places.root)}
        for _ in range(2):
            done = subprocess.run(
                [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._config)],
                env=environment, cwd=self.places.root, start_new_session=True, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=30, check=False,
            )  # fmt: skip
            if self._answers(0 if done.returncode else 15):
                return True
            if self.pid() or done.returncode > 0:
                break
            # Else it was killed while it started.
        raise TargetError(
            f"supervisord could not be started: {done.stderr.strip() or 'it does not answer'}. "
            f"See {self.places.root / 'supervisord.log'}.",
            temporary=True,
        )

    def install(self, name: str, *, autostart: bool) -> None:
        """Write the program's lines; supervisord reads them when it is told or starts."""
        command = shlex.join([sys.executable, "-I", "-S", str(SHIM), str(self.places.workload(name))])
        text = PROGRAM.format(name=name, command=_escaped(command), autostart=str(autostart).lower())
        place = self.places.programs / f"{name}.ini"
        if not place.exists() or place.read_text() != text:
            temporary = place.with_suffix(".new")
            temporary.write_text(text)
            os.replace(temporary, place)

    def uninstall(self, name: str) -> None:
        (self.places.programs / f"{name}.ini").unlink(missing_ok=True)
        if self.pid():
            for verb, arguments in (("stopProcess", (name, False)), ("removeProcessGroup", (name,))):
                with contextlib.suppress(TargetError):
                    self._call(verb, *arguments)

    def start(self, name: str) -> None:
        """Have the shim of this program started, if it is not. Call with the target's lock."""
        for attempt in range(3):
            try:
                self._call("reloadConfig")
                self._call("addProcessGroup", name)
                self._call("startProcess", name, False)
                return
            except TargetError:
                if attempt == 2:
                    raise
                self.ensure()  # it was killed this very moment

    def end(self) -> None:
        if pid := self.pid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def kill(self) -> None:
        if pid := self.pid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    @property
    def _socket(self) -> Path:
        return self.places.supervisor_socket

    def _answers(self, seconds: float) -> bool:
        """Whether it answers within `seconds`. False at once when it was there and has died."""
        deadline = time.monotonic() + seconds
        pid: int | None = None
        while True:
            with contextlib.suppress(TargetError):
                return bool(self._call("getState"))
            before, pid = pid, self.pid()
            if time.monotonic() > deadline or (before and not pid):
                return False
            time.sleep(0.02)

    def _call(self, verb: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        try:
            proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
            return getattr(proxy.supervisor, verb)(*arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode in HARMLESS:
                return None
            raise TargetError(f"supervisord refused {verb}: {fault.faultString}.", temporary=True) from fault
        except (OSError, http.client.HTTPException, xmlrpc.client.Error) as error:
            raise TargetError(f"supervisord does not answer: {error}.", temporary=True) from error
        finally:
            transport.close()


def _escaped(text: object) -> str:
    return str(text).replace("%", "%%")
