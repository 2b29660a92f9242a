"""Push: tells accounts on their devices what they are notified of, once it has happened."""
