"""The agent of the home_timeline projection."""
