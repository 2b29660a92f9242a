"""Trends: what is talked about more than usual."""
