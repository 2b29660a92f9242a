"""Which devices an account is told on."""
