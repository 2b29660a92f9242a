"""Notifications: who did what that concerns the viewer."""
