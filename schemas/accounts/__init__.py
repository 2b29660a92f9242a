"""Facts about accounts."""
