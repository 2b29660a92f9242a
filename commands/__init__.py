"""Accepts or refuses what users ask for, and publishes what happened."""
