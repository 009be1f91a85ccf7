"""`desirepath login`: the browser signs in, and hands this terminal a token over a loopback address."""

from __future__ import annotations

import secrets
import threading
from urllib.parse import parse_qs, urlencode, urlparse

from desirepath import connection

PAGE = b"<!doctype html><title>Signed in</title><p>This terminal is signed in. You can close this page.</p>"


class LoginRefused(Exception):
    """Nobody confirmed in time, or somebody else's code came back."""


def login(url: str, *, tell: object = print, within: float = 300, browser: bool = True) -> connection.Place:
    """Open the page, wait for the token, keep it. Raises Refused after `within` seconds."""
    import webbrowser  # these two would cost every other verb its start
    from http.server import BaseHTTPRequestHandler, HTTPServer

    code = secrets.token_urlsafe(9)
    taken: dict[str, str] = {}
    arrived = threading.Event()

    class Callback(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent = parse_qs(urlparse(self.path).query)
            right = secrets.compare_digest(sent.get("code", [""])[0], code) and "token" in sent
            self.send_response(200 if right else 400)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE if right else b"This is not the code the terminal shows.")
            if right:
                taken["token"] = sent["token"][0]
                arrived.set()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Callback) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"{url.rstrip('/')}/login/terminal/?{urlencode({'code': code, 'port': server.server_port})}"
        assert callable(tell)
        tell(f"Open this page and check that it shows the code {code}:\n  {address}")
        if browser:
            webbrowser.open(address)
        came = arrived.wait(within)
        server.shutdown()
    if not came:
        raise LoginRefused("Nobody confirmed in the browser. Run `desirepath login` again.")
    connection.keep(url, taken["token"])
    return connection.Place(url, taken["token"])
