"""The event log: the port and its adapters."""
