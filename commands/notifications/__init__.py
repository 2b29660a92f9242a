"""What an account does with its notifications: read them, choose kinds."""
