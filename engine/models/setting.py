"""What a service is configured with: kept encrypted, read by its programs and by nobody else."""

import re

from django.conf import settings
from django.db import models
from django.utils import timezone

from lib.sealing import Sealed, seal, unseal

KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
TAKEN = re.compile(r"PATH|HOME|TMPDIR|PORT|RESULT|OUTPUTS|PYTHONPATH|DESIREPATH_.*|LD_.*")
LONGEST_VALUE = 32 << 10  # characters of a value


def problem_with(key: str, value: str | None) -> str:
    """Why this cannot be a setting; "" when it can."""
    if not KEY.fullmatch(key):
        return f"“{key[:80]}” is not a name: letters, digits and _, not beginning with a digit"
    if TAKEN.fullmatch(key):
        return f"{key} is given to every program by Desirepath itself"
    if value is not None and ("\0" in value or len(value) > LONGEST_VALUE):
        return f"the value of {key} is longer than {LONGEST_VALUE} characters, or has a zero byte in it"
    return ""


def secret_keys() -> list[str]:
    """The keys that settings are sealed with: the newest first, then those it replaced."""
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def sealed(value: str) -> str:
    return seal(value, secret_keys())


class Setting(models.Model):
    """One variable in the environment of a deployment's programs."""

    deployment = models.ForeignKey("engine.Deployment", on_delete=models.CASCADE, related_name="config")
    key = models.CharField(max_length=100)
    sealed = models.TextField()
    set_at = models.DateTimeField(default=timezone.now)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["key"]
        constraints = [models.UniqueConstraint(fields=["deployment", "key"], name="one_setting_per_key")]

    def __str__(self) -> str:
        return self.key

    @property
    def value(self) -> str:
        """The value in the clear. Raises Sealed when the installation's secret key is another one than it was."""
        try:
            return unseal(self.sealed, secret_keys())
        except Sealed as error:
            raise Sealed(
                "A setting was sealed with another secret key than this installation has now. Bring back the old key "
                "(or name it in DESIREPATH_SECRET_KEY_BEFORE), or set the value again."
            ) from error
