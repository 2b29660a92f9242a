"""The agent of the notifications projection."""
