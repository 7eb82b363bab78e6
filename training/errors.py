"""What stops a run."""


class TrainingError(Exception):
    """The run cannot go on; the message says what to do."""


def reason(error: BaseException) -> str:
    """The reason in a line: the operating system's own words where there are any."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return (str(error).splitlines() or [type(error).__name__])[0]
