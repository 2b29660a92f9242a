"""Health, metrics and how far behind the projections are."""
