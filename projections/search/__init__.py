"""Tweets by what they say, people by their names."""
