from django.apps import AppConfig
from django.conf import settings


class ServerConfig(AppConfig):
    name = "server"

    def ready(self) -> None:
        from server.installation import checks  # noqa: F401 - names what is wrong in the environment
        from server.search import index

        index.listen()

        if settings.BROKER_URL:
            from server import celery  # noqa: F401 - the bell's
