class PostgresError(Exception):
    """The embedded PostgreSQL can't be run; the message says what to do."""
