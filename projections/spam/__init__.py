"""The spam projection: how much what an account posts looks like spam, and why."""
