"""What happened, for other programs: XES for process mining, spans for tracing. Reads rows and events, no more."""
