"""What one account wrote and retweeted."""
