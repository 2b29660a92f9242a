"""The read-only API: serves the projections, writes nothing, knows nothing of commands or streams."""
