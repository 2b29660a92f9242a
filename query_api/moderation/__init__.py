"""What moderators read: the queue, cases, what was done."""
