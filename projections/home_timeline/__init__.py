"""The home timeline projection: what each reader's home shows, pushed or pulled."""
