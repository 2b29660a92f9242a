"""Scylla, or Cassandra, which speaks the same protocol."""
