"""Events, unique claims and idempotent answers, committed in one step."""
