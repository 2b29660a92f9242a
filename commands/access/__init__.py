"""Who may act for an account: its sessions, the apps it let in, and its password."""
