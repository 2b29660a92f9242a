"""Every error code of both APIs: its status, its title, and what to do about it. Codes never change meaning."""

from __future__ import annotations

from typing import NamedTuple


class ProblemType(NamedTuple):
    """One kind of problem: `hint` tells the caller what to do."""

    status: int
    title: str
    hint: str


PROBLEM_TYPES: dict[str, ProblemType] = {
    # the request itself
    "body_invalid": ProblemType(400, "The body is not valid", "Send JSON as the OpenAPI document describes it."),
    "body_too_large": ProblemType(413, "The body is too large", "Send a smaller body."),
    "parameter_invalid": ProblemType(400, "A parameter is not valid", "See the OpenAPI document for its range."),
    "idempotency_key_invalid": ProblemType(
        400, "The Idempotency-Key is not valid", "Use 1 to 128 printable ASCII characters, such as a UUID."
    ),
    "idempotency_key_reused": ProblemType(
        422, "The Idempotency-Key was used for another request", "Use a new key for each new request."
    ),
    "consistency_token_invalid": ProblemType(
        400, "The X-Consistency-Token is not valid", "Send back the header of an earlier answer as it was."
    ),
    "cursor_invalid": ProblemType(400, "The cursor is not valid", "Send back next_cursor or next_max_id as it was."),
    "event_id_invalid": ProblemType(
        400, "The Last-Event-ID is not valid", "Send back the id of a message as it was, or none."
    ),
    "query_invalid": ProblemType(400, "The search cannot be read", "See the search operators in the documentation."),
    "request_malformed": ProblemType(400, "The request is not HTTP", "Send HTTP/1.1; escape what is not ASCII."),
    "headers_too_large": ProblemType(431, "The head of the request is too large", "Send shorter headers and paths."),
    "route_not_found": ProblemType(404, "There is nothing at this path", "See /openapi.json for the paths."),
    "method_not_allowed": ProblemType(405, "The method is not allowed here", "See the Allow header."),
    "media_type_unsupported": ProblemType(415, "The media type is not supported", "Send application/json."),
    "rate_limited": ProblemType(429, "Too many requests", "Wait for the seconds in Retry-After."),
    "too_many_streams": ProblemType(
        429, "Too many streams are open", "Close one, or open one stream for all that is shown."
    ),
    # who is asking
    "token_missing": ProblemType(401, "An access token is needed", "Send Authorization: Bearer <access_token>."),
    "token_invalid": ProblemType(401, "The access token is not valid", "Log in, or refresh the session."),
    "token_expired": ProblemType(401, "The access token has expired", "Refresh it by POST /api/v1/auth/refresh."),
    "session_revoked": ProblemType(401, "The session has ended", "Log in again."),
    "ticket_invalid": ProblemType(
        401, "The ticket is not valid", "Take a new one for each stream: POST /api/v1/auth/stream-tickets."
    ),
    "refresh_token_invalid": ProblemType(401, "The refresh token is not valid", "Log in again."),
    "refresh_token_reused": ProblemType(
        401, "The refresh token was used before", "The session was ended for safety: log in again."
    ),
    "login_failed": ProblemType(401, "The username or the password is wrong", "Check both; names have no case."),
    "insufficient_scope": ProblemType(
        403, "The token may not do this", "Ask the account's owner for the scope that WWW-Authenticate names."
    ),
    "account_suspended": ProblemType(
        403, "The account is suspended", "Wait for its end, or appeal: POST /api/v1/moderation/appeals."
    ),
    "account_deleted": ProblemType(
        403, "The account is closed", "Log in within its days of grace: that opens it again."
    ),
    "password_wrong": ProblemType(403, "The password is not the present one", "Send the account's password."),
    "session_not_found": ProblemType(404, "There is no such session", "GET /api/v1/users/me/sessions lists them."),
    "not_the_subject": ProblemType(
        403, "The request names another account", "Leave the id out: the access token says who acts."
    ),
    "push_off": ProblemType(
        404, "This installation does not push", "Its operator turns it on by push_contact, see docs/notifications.md."
    ),
    "subscription_invalid": ProblemType(
        400, "The push subscription is not valid", "Send what the browser's PushSubscription.toJSON() gives."
    ),
    # apps: names of RFC 6749 where it has them
    "invalid_request": ProblemType(400, "The OAuth request is not valid", "See docs/oauth.md for its parameters."),
    "invalid_client": ProblemType(
        401, "The client is not known, or not by this secret", "Authenticate as docs/oauth.md says, in one way."
    ),
    "invalid_grant": ProblemType(
        400, "The code or refresh token is not good, or not with this", "Ask the user again: /api/v1/oauth/authorize."
    ),
    "unsupported_grant_type": ProblemType(
        400, "There is no such grant type", "Use authorization_code or refresh_token."
    ),
    "invalid_scope": ProblemType(400, "The scope cannot be granted", "Ask for scopes that the metadata lists."),
    "app_invalid": ProblemType(400, "The app is not valid", "See docs/oauth.md for names and redirect URIs."),
    "app_not_found": ProblemType(404, "There is no such app", "Check the client_id."),
    "too_many_apps": ProblemType(409, "The account has registered as many apps as it may", "Remove one first."),
    # accounts
    "username_invalid": ProblemType(400, "The username is not valid", "Use 1 to 50 of A-Z, a-z, 0-9 and _."),
    "username_taken": ProblemType(409, "The username is taken", "Choose another; case makes no difference."),
    "email_invalid": ProblemType(400, "The email address is not valid", "Send an address such as ada@example.org."),
    "email_taken": ProblemType(409, "The email address is in use", "Log in to the account that has it."),
    "password_invalid": ProblemType(
        400, "The password is not valid", "Use 8 to 256 characters, and none of the usual passwords."
    ),
    "profile_invalid": ProblemType(400, "A field of the profile is not valid", "See the limits in /openapi.json."),
    "user_not_found": ProblemType(404, "There is no such account", "Check the id."),
    "reason_invalid": ProblemType(400, "The text is not valid", "Use at most as many characters as the detail says."),
    "suspension_over": ProblemType(400, "The end of the suspension is past", "Name a later time, or none."),
    "role_unknown": ProblemType(400, "There is no such role", "There are user, moderator and admin."),
    # moderation
    "subject_unclear": ProblemType(400, "One thing is to be reported", "Send either tweet_id or account_id."),
    "already_reported": ProblemType(409, "You have reported it before", "Nothing more is needed: moderators see it."),
    "own_case": ProblemType(403, "The case is about yourself, or your own decision", "Leave it to another."),
    "not_a_moderator": ProblemType(
        403, "The account is no moderator", "An operator makes it one: murmur users promote."
    ),
    "admin_needed": ProblemType(403, "Only an admin may do this", "Ask one: it is about a moderator."),
    "case_not_found": ProblemType(404, "There is no such case", "Check the id: it is the tweet's or the account's."),
    "case_held": ProblemType(409, "Another moderator holds the case", "Choose another, or wait until it is let go."),
    "case_not_held": ProblemType(409, "You do not hold the case", "Claim it first: POST …/claim."),
    "case_appealed": ProblemType(409, "There is an appeal", "Decide that: POST …/appeal-decision."),
    "action_invalid": ProblemType(400, "The action does not fit", "See docs/moderation.md for what goes with what."),
    "appeal_over": ProblemType(
        409, "There is nothing to appeal, or no appeal", "One appeal is heard for each decision."
    ),
    # tweets
    "text_empty": ProblemType(400, "The text is empty", "Write something other than white space."),
    "text_too_long": ProblemType(400, "The text is too long", "Use at most 280 characters (code points after NFC)."),
    "text_invalid_character": ProblemType(
        400, "The text has a character that cannot be stored", "Leave out control characters and lone surrogates."
    ),
    # media
    "media_unknown": ProblemType(400, "There is no such media", "Upload it first."),
    "export_not_found": ProblemType(
        404, "There is no export to be fetched", "GET /api/v1/users/me/export asks for one, and tells when it is ready."
    ),
    "range_unsatisfiable": ProblemType(416, "The range begins behind the end", "Content-Range tells the size."),
    "media_not_found": ProblemType(404, "There is no such media", "It may have been collected: upload it again."),
    "media_not_sent": ProblemType(
        409, "The file is not there as it was announced", "PUT it whole to the url of POST /api/v1/media/uploads."
    ),
    "too_many_uploads": ProblemType(
        409, "Too many uploads are announced", "Complete some of the ten; an announcement is forgotten after two hours."
    ),
    "media_not_ready": ProblemType(
        409, "The media are not decoded yet", "Ask GET /api/v1/media/{media_id} until its status is ready."
    ),
    "media_failed": ProblemType(409, "The media could not be decoded", "Upload another file."),
    "media_in_use": ProblemType(409, "Something has the media already", "Upload it again: media are attached once."),
    "media_mixed": ProblemType(
        400, "The media cannot stand together", "Attach up to four images, or one video; a profile shows images."
    ),
    "media_format_unsupported": ProblemType(
        415, "The file is of no format that is taken", "Send JPEG, PNG, WebP, GIF, AVIF, MP4, WebM or MOV."
    ),
    "media_too_large": ProblemType(413, "The file is too large", "Images may have 5 MiB, videos 500 MiB."),
    "media_not_kept": ProblemType(
        501, "This installation does not take such media", "Its operator installs the extra `media`: docs/media.md."
    ),
    "alt_text_invalid": ProblemType(
        400, "The description is not valid", "Use at most 1,000 characters and no control characters."
    ),
    "tweet_not_found": ProblemType(404, "There is no such tweet", "It may have been deleted."),
    "not_the_author": ProblemType(403, "The tweet is another's", "Only its author may delete it."),
    "blocked": ProblemType(
        403, "A block stands between the two accounts", "Unblock the account first, if the block is yours."
    ),
    # the graph
    "self_relation": ProblemType(400, "The account is your own", "Follow, block or mute another."),
    # this side
    "projection_behind": ProblemType(
        503, "The read models have not caught up", "Try again in a second; /projections tells the lag."
    ),
    "not_ready": ProblemType(
        503, "The process is not ready yet", "Try again in a second; /readyz and /projections tell more."
    ),
    "no_such_moment": ProblemType(
        404, "Nothing was built as of that time", "Its operator builds it by the command in the detail."
    ),
    "not_kept": ProblemType(
        501,
        "This installation does not keep it",
        "Search on servers needs an Elasticsearch; see docs/queries.md for the rest.",
    ),
    "log_unavailable": ProblemType(
        503, "The log cannot be written", "Try again with the same Idempotency-Key: it may have been done."
    ),
    "clock_went_back": ProblemType(
        503, "The server's clock has gone back", "Nothing was done: try again once the clock is set right."
    ),
    "overloaded": ProblemType(503, "Too much is waiting already", "Try again in a few seconds."),
    "request_timeout": ProblemType(
        503, "The request took too long", "Try again with the same Idempotency-Key: it may have been done."
    ),
    "internal_error": ProblemType(500, "Something went wrong on our side", "Report the request_id."),
}
