"""The home timeline: latest and ranked."""
