"""What is running where, what is wrong with it, and what comes next."""
