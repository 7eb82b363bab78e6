"""The workshop: whatever only makes the shipped weights and their card."""
