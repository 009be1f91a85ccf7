"""Home, what waits, the thread on every page and the bar: pages that every room fills and none owns."""
