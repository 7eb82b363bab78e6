"""What is learned from: pictures and masks, an index of them, batches, random changes, night drawn on purpose."""
