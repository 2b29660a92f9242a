"""Edges of the world: settings, clock, log, databases, HTTP plumbing, processes."""
