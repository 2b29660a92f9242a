"""The agent of the tweets projection."""
