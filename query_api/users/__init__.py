"""Profiles, followers, following."""
