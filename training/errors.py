"""What stops a run."""


class TrainingError(Exception):
    """The run cannot go on; the message says what to do."""
