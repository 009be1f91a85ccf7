"""Reads rows and events, writes none: metrics, spans, event logs for process mining, comparison, history."""
