from django.apps import AppConfig


class ServerConfig(AppConfig):
    name = "server"

    def ready(self) -> None:
        from server import blocks, live_blocks  # noqa: F401 - fill Home, what waits, and the thread
