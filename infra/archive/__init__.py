"""The archive: sealed segments of the log as objects, so that the log itself may be short."""
