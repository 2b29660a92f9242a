"""What the server speaks with WebSockets: as uvicorn does, told to the app how much its reader has left untaken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from infra.http.protocol import TRANSPORT

if TYPE_CHECKING:
    from websockets.http11 import Request

MAX_MESSAGE_BYTES = 16_384
"""Of a client: it names some tweets, and says no more. A longer one ends the connection with 1009."""
PING_S = 20.0
"""Between two pings; who does not answer one in that time is gone."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """RFC 6455."""

    def handle_connect(self, event: Request) -> None:
        """Name the connection in the scope."""
        super().handle_connect(event)
        if self.response.status_code == 101:  # noqa: PLR2004 - else there is no scope
            self.scope["extensions"][TRANSPORT] = self.transport  # type: ignore[assignment]  # ours, not the standard's
