"""The doorbell."""


def ring() -> None:
    """Wake a worker."""
