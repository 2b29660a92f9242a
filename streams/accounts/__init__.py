"""The agent of the accounts projection."""
