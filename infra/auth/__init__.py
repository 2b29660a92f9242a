"""Who is asking: signing keys, access tokens, sessions, keys of personal data."""
