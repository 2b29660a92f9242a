"""The agent of the graph projection."""
