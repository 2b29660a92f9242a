"""The agent of the trends projection."""
