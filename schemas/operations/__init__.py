"""Facts about the running of the system itself: imports and dead letters."""
