"""What is talked about, where and when."""
