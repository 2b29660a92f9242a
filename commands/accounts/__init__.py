"""Accounts: registering, sessions, profiles."""
