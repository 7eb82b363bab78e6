"""Fine-tuning, evaluation and tracking of the segmentation networks."""
