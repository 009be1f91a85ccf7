"""The ASGI application: `uvicorn server.asgi:application`. There is no WSGI, because live pages need ASGI."""

import os
import warnings

from django.core.asgi import get_asgi_application

# whitenoise reads files synchronously; they are small, so that Django collects them first is as good.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "server.settings")
application = get_asgi_application()

from server.installation.checks import refuse_wrong_environment  # noqa: E402 - the settings are read first

refuse_wrong_environment()  # nobody else does: uvicorn runs no checks
