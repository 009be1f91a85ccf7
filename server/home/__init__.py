"""Home, the list of what waits, the thread on every page and the bar: pages with content from every room."""
