"""The agent of the engagement projection."""
