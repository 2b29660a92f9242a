"""Search: tweets by what they say, people by their names."""
