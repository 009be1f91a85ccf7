"""Values that are kept encrypted: whoever reads the database without this installation's key learns nothing."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Sealed(ValueError):
    """It was sealed with another key."""


def seal(value: str) -> str:
    return _key().encrypt(value.encode()).decode()


def unseal(sealed: str) -> str:
    """Raises Sealed when the installation's key is another than it was."""
    try:
        return _key().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise Sealed(
            "A setting was kept under another key than this installation has now. Bring back the old secret key "
            "(or name it in DESIREPATH_SECRET_KEY_BEFORE), or set the value again."
        ) from error


def _key() -> MultiFernet:
    """Sealed with the newest; what an older key sealed can still be read."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = [hashlib.sha256(f"desirepath settings {key}".encode()).digest() for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
