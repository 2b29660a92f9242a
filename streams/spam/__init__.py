"""The agent of the spam projection."""
