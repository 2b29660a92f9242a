"""Keeps the projection of media."""
