"""Two roles of PostgreSQL: one owns the tables and migrates, one serves and can neither make, alter nor empty any.

The one that serves is that of DATABASE_URL, the owner that of DATABASE_OWNER_URL. Without the latter one role does
both, which works as ever; `doctor` says which it is.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dj_database_url
import psycopg
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from psycopg import sql

log = logging.getLogger(__name__)
MLFLOW = "mlflow"
POWERLESS = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
WRITTEN_ONCE = "UPDATE, DELETE"
TAKEN = {
    "django_migrations": "INSERT, UPDATE, DELETE",
    "releases_approval": WRITTEN_ONCE,
    "releases_deployment": WRITTEN_ONCE,
    "releases_holdoutlook": WRITTEN_ONCE,
    "releases_promotiondecision": WRITTEN_ONCE,
    "releases_rollout": "DELETE",
    "releases_studentdeployment": WRITTEN_ONCE,
}
"""What the role that serves may not do to a table; of rows written once it may change the signature."""
GRANTS = """
REVOKE TEMPORARY, CREATE ON DATABASE {database} FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE {database} TO {role};
GRANT USAGE ON SCHEMA public TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role};
"""
COLUMNS = """
SELECT table_name, bool_or(column_name = 'signature') FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = ANY(%s) GROUP BY table_name
"""
TABLES_OF_MLFLOW = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
AND pg_get_userbyid(relowner) <> %s
"""


@dataclass(frozen=True)
class Role:
    """What the role that serves is, and may do."""

    name: str
    superuser: bool
    owner: bool

    @property
    def serves_alone(self) -> bool:
        """Whether it can do no more than serve."""
        return not (self.superuser or self.owner)


def present() -> Role:
    """The role of this process."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, rolsuper OR rolcreaterole OR rolreplication, pg_has_role(c.relowner, 'USAGE') "
            "FROM pg_roles r, pg_class c WHERE r.rolname = current_user AND c.oid = 'django_migrations'::regclass"
        )
        return Role(*cursor.fetchone())


@contextmanager
def as_owner() -> Iterator[None]:
    """This process's connection is the owner's meanwhile, where there is one; at the end the other role may serve."""
    serving = dict(connection.settings_dict)
    owner = dj_database_url.parse(settings.DATABASE_OWNER_URL) if settings.DATABASE_OWNER_URL else None
    if owner is None or owner["USER"] == serving["USER"]:
        yield
        return
    _connect(owner)
    try:
        _role_ensure(serving["USER"], serving["PASSWORD"])
        yield
        _grant(serving["USER"])
        _mlflow_ensure(serving["USER"])
    finally:
        _connect(serving)


def _connect(values: Mapping[str, Any]) -> None:
    connection.close()
    connection.settings_dict.update(values)


def _role_ensure(role: str, password: str) -> None:
    """The role, with the password of its URL. One that is there is left alone by an owner who is no superuser."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = %s), rolsuper FROM pg_roles "
            "WHERE rolname = current_user",
            [role],
        )
        known, may = cursor.fetchone()
        if known and not may:
            return
        parts = [sql.SQL("ALTER ROLE" if known else "CREATE ROLE"), sql.Identifier(role), sql.SQL(POWERLESS)]
        if password:
            parts += [sql.SQL("PASSWORD"), sql.Literal(password)]
        cursor.execute(sql.SQL(" ").join(parts))


def _grant(role: str) -> None:
    names = {"database": sql.Identifier(str(connection.settings_dict["NAME"])), "role": sql.Identifier(role)}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.SQL(GRANTS).format(**names))
        cursor.execute(COLUMNS, [list(TAKEN)])
        for table, signed in cursor.fetchall():
            place = {"table": sql.Identifier(table), **names}
            cursor.execute(sql.SQL(f"REVOKE {TAKEN[table]} ON {{table}} FROM {{role}}").format(**place))
            if signed and TAKEN[table] == WRITTEN_ONCE:
                cursor.execute(sql.SQL("GRANT UPDATE (signature) ON {table} TO {role}").format(**place))


def _mlflow_ensure(role: str) -> None:
    """MLflow's database is the serving role's own: MLflow makes and changes its tables by itself."""
    if settings.MLFLOW_TRACKING_URI:
        return
    name = sql.Identifier(MLFLOW)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [MLFLOW])
            verb = sql.SQL("ALTER DATABASE {} OWNER TO {}" if cursor.fetchone() else "CREATE DATABASE {} OWNER {}")
            cursor.execute(verb.format(name, sql.Identifier(role)))
        params = {**connection.get_connection_params(), "dbname": MLFLOW}
        wanted = ("host", "port", "user", "password", "dbname")
        with psycopg.connect(**{key: params[key] for key in wanted if params.get(key)}) as own:
            for (table,) in own.execute(TABLES_OF_MLFLOW, [role]).fetchall():
                own.execute(sql.SQL("ALTER TABLE {} OWNER TO {}").format(sql.Identifier(table), sql.Identifier(role)))
    except (DatabaseError, psycopg.Error) as error:
        log.warning("The database %s can't be given to %s: %s Make it by hand.", MLFLOW, role, str(error).strip())
