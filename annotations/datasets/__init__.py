"""Dataset versions: what goes into the next, which side of the split it is on, history, export, forgetting."""
