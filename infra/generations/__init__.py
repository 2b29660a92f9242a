"""The generations of each projection: what is recorded of them, what may become of them, and where that is kept."""
