"""Builds projections anew from the log, beside the live ones, and proves them right before readers see them."""
