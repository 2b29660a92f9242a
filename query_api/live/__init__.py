"""Open streams: what happens, told to those whom it concerns, while it happens."""
