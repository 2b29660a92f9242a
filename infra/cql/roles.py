"""Who logs in as what: the app writes rows, the query API may only read them, the admin makes tables and roles.

A role whose password is not set has one that follows from a secret file of the keys' folder, so that nobody has to
think of one on a single machine; several machines share that folder or set the passwords.
Where the server asks for no log-in there are no roles, and everybody may do everything.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Literal

from infra.auth.keys import secret
from infra.cql.schema import keyspaces
from infra.projections import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.cql.session import CqlSession
    from infra.settings import Settings

Role = Literal["admin", "app", "query"]

QUERY_READS: tuple[str, ...] = ("revocations",)
"""The tables of compare-and-set that the query API reads; of the others it may read nothing."""

_SECRET = "cassandra"  # noqa: S105 - the name of the file
_NO_ROLES = ("anonymous", "AllowAll", "not supported", "not enabled")  # how servers say that they ask for no log-in


def role(settings: Settings, name: Role) -> Settings:
    """Return the settings with which a session of that role is opened."""
    if name == "admin":
        return settings
    user = settings.cassandra_app_user if name == "app" else settings.cassandra_query_user
    password = settings.cassandra_app_password if name == "app" else settings.cassandra_query_password
    if not password and not settings.cassandra_user:  # no log-in at all
        return settings
    return settings.model_copy(
        update={"cassandra_user": user, "cassandra_password": password or _derived(settings, user)}
    )


def make_roles(session: CqlSession, settings: Settings, say: Callable[[str], None] = lambda _: None) -> None:
    """Make both roles, or give them their present passwords; the session is the admin's."""
    if not settings.cassandra_user:
        say("no log-in is set (cassandra_user is empty): no roles")
        return
    for statement in role_statements(role(settings, "app"), role(settings, "query")):
        try:
            session.execute(statement)
        except StoreError as error:
            if not any(word in str(error) for word in _NO_ROLES):
                raise
            say("the server asks for no log-in: no roles")
            return


def role_statements(app: Settings, query: Settings) -> list[str]:
    """Return what makes the two roles and grants what they may; a repeat changes nothing but passwords."""
    names = keyspaces(app)
    reader, writer = _quoted(query.cassandra_user), _quoted(app.cassandra_user)
    return [
        *_login(writer, app.cassandra_password),
        *(f"GRANT {may} ON KEYSPACE {keyspace} TO {writer}" for keyspace in names for may in ("SELECT", "MODIFY")),
        *_login(reader, query.cassandra_password),
        f"GRANT SELECT ON KEYSPACE {names.rows} TO {reader}",
        *(f"GRANT SELECT ON TABLE {names.lwt}.{table} TO {reader}" for table in QUERY_READS),
    ]


def _login(user: str, password: str) -> list[str]:
    wanted = "WITH PASSWORD = '{}' AND LOGIN = true".format(password.replace("'", "''"))
    return [f"CREATE ROLE IF NOT EXISTS {user} {wanted}", f"ALTER ROLE {user} {wanted}"]


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def _derived(settings: Settings, user: str) -> str:
    return hmac.new(secret(settings.keys_dir, _SECRET), user.encode(), hashlib.sha256).hexdigest()
