"""The notifications projection."""
