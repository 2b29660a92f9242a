"""The agent of the search index."""
