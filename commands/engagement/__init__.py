"""Engagement: likes and bookmarks."""
