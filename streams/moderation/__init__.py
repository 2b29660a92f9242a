"""The agent of the moderation projection."""
