"""Faults under load. A package, so that all of it shares one system, which is started and stopped with it."""
