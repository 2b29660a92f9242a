"""What is reported, and what moderators do about it."""
