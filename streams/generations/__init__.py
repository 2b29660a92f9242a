"""What operators do about generations: tell of them, let readers have another one, delete what is not needed."""
