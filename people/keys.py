"""Keys in any script, where Django meets them: a model's field and an address's converter.

Migrations name this module, so it stays here. What a key is: `lib.names`.
"""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.urls import register_converter

from lib import names

REFUSED = "“%(value)s” is not a key: letters and digits of any script, - and _."


def validate_key(value: str) -> None:
    """Raises ValidationError. The length is the field's own rule."""
    if not names.is_key(value, max(len(value), 1)):
        raise ValidationError(REFUSED, code="invalid", params={"value": value[:80]})


class KeyField(models.SlugField[str, str]):
    """A slug of any script. Django's own refuses combining marks, such as the vowels of नमूना."""

    default_validators = [validate_key]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.pop("allow_unicode", None)
        super().__init__(*args, allow_unicode=True, **kwargs)
        self.default_validators = [validate_key]  # SlugField sets its own when it is made

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("allow_unicode", None)
        return name, path, args, kwargs


class KeyConverter:
    """`<key:…>` in an address. Django percent-encodes what `reverse` puts there."""

    regex = "[^/]+"

    def to_python(self, value: str) -> str:
        """The key, in the one normal form that is stored. Raises ValueError, which is no such page."""
        key = names.normal(value)
        if not names.is_key(key, 200):
            raise ValueError(value)
        return key

    def to_url(self, value: str) -> str:
        return str(value)


register_converter(KeyConverter, "key")
