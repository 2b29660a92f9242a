"""OAuth 2.0: apps of others, which act for an account as far as its owner has granted it."""
