"""Facts about what accounts do with their notifications."""
