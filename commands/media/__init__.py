"""Uploading images and videos, describing them, and collecting those that nothing has."""
