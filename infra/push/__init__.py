"""Web Push: who wants to be told on which device, and how a message gets there."""
