"""Friendly generated people who post, follow and like over the command API."""
