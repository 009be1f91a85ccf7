"""Values kept encrypted: without one of the keys, whoever reads the stored text learns nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class Sealed(ValueError):
    """The value was sealed with a key that is not among those at hand."""


def seal(value: str, keys: Sequence[str]) -> str:
    """The value encrypted with the first key."""
    return _box(keys).encrypt(value.encode()).decode()


def unseal(sealed: str, keys: Sequence[str]) -> str:
    """The value, whichever of the keys it was sealed with. Raises Sealed when it was none of them."""
    try:
        return _box(keys).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise Sealed("This value was sealed with a key that is not here.") from error


def _box(keys: Sequence[str]) -> MultiFernet:
    digests = [hashlib.sha256(f"desirepath settings {key}".encode()).digest() for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
