"""What others decide about an account: suspended, restored, verified, its role, its reach."""
