"""Posting and deleting tweets."""
