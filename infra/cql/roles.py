"""Who logs in as what: the app writes rows, the query API may only read them, the admin makes tables and roles.

A role whose password is not set has one that follows from a secret file of the keys' folder, so that nobody has to
think of one on a single machine; several machines share that folder or set the passwords.
Where the server asks for no log-in there are no roles, and everybody may do everything.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING, Literal

from infra.auth.keys import secret
from infra.cql.schema import keyspaces
from infra.cql.session import REFUSES, CqlSession
from infra.projections import StoreError
from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.settings import Settings

Role = Literal["admin", "app", "query"]

QUERY_READS: tuple[str, ...] = ("revocations", "generations", "data_keys")
"""The tables of compare-and-set that the query API reads; of the others it may read nothing."""

REMEMBERED_SECONDS = 15.0
"""How long a server may go by the password that a role had before: Cassandra remembers it for five."""

_LOOK_SECONDS = 0.25
_SECRET = "cassandra"  # noqa: S105 - the name of the file
_NO_ROLES = ("anonymous", "AllowAll", "not supported", "not enabled")  # how servers say that they ask for no log-in


def role(settings: Settings, name: Role) -> Settings:
    """Return the settings with which a session of that role is opened."""
    if name == "admin":
        return settings
    keyspace = settings.cassandra_keyspace  # roles are the server's, so two installations on one must differ
    if name == "app":
        user, password = settings.cassandra_app_user or keyspace, settings.cassandra_app_password
    else:
        user, password = settings.cassandra_query_user or f"{keyspace}_query", settings.cassandra_query_password
    if not password and not settings.cassandra_user:  # no log-in at all
        return settings
    return settings.model_copy(
        update={"cassandra_user": user, "cassandra_password": password or _derived(settings, user)}
    )


def make_roles(session: CqlSession, settings: Settings, say: Callable[[str], None] = lambda _: None) -> None:
    """Make both roles, or give them their present passwords; the session is the admin's. Raises StoreError."""
    if not settings.cassandra_user:
        say("no log-in is set (cassandra_user is empty): no roles")
        return
    app, query = role(settings, "app"), role(settings, "query")
    try:
        for one in (app, query):
            _make(session, one)
        for statement in grants(app, query):
            session.execute(statement)
    except StoreError as error:
        if not any(word in str(error) for word in _NO_ROLES):
            raise
        say("the server asks for no log-in: no roles")


def grants(app: Settings, query: Settings) -> list[str]:
    """Return what grants to the two roles what they may do, and nothing else."""
    names = keyspaces(app)
    writer, reader = _quoted(app.cassandra_user), _quoted(query.cassandra_user)
    return [
        *(f"GRANT {may} ON KEYSPACE {keyspace} TO {writer}" for keyspace in names for may in ("SELECT", "MODIFY")),
        f"GRANT SELECT ON KEYSPACE {names.rows} TO {reader}",
        *(f"GRANT SELECT ON TABLE {names.lwt}.{table} TO {reader}" for table in QUERY_READS),
    ]


def _make(session: CqlSession, wanted: Settings) -> None:
    """Let a role log in with its password; Cassandra lets a password be changed every 5 s only, so not without need."""
    if _logs_in(wanted):
        return
    definition = "ROLE {} WITH PASSWORD = '{}' AND LOGIN = true".format(
        _quoted(wanted.cassandra_user), wanted.cassandra_password.replace("'", "''")
    )
    try:
        session.execute(f"CREATE {definition}")
    except StoreError as error:
        if "already exists" not in str(error):
            raise
        session.execute(f"ALTER {definition}")
    until = time.monotonic() + REMEMBERED_SECONDS
    while not _logs_in(wanted):
        if time.monotonic() > until:
            raise StoreError(f"the role {wanted.cassandra_user!r} was given a password and cannot log in with it")
        time.sleep(_LOOK_SECONDS)  # nobody tells when a server has forgotten the password before


def _logs_in(wanted: Settings) -> bool:
    try:
        CqlSession(wanted, keyspace="").close()
    except TroubleError as error:
        if REFUSES not in error.what:
            raise
        return False
    return True


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def _derived(settings: Settings, user: str) -> str:
    return hmac.new(secret(settings.keys_dir, _SECRET), user.encode(), hashlib.sha256).hexdigest()
