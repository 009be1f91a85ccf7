"""Executes what is claimed, outside transactions: the executor, the process around it, the clock, the Celery task."""
