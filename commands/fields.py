"""Types of members that several bodies and answers have, with what the OpenAPI document says about them."""

from __future__ import annotations

from typing import Annotated

import msgspec

Id = Annotated[str, msgspec.Meta(description="A UUIDv7.", max_length=36)]
SentId = Annotated[str, msgspec.Meta(description="A UUIDv7.", max_length=64)]  # another form is a 404, not a 400
Time = Annotated[str, msgspec.Meta(description="RFC 3339, UTC.", extra_json_schema={"format": "date-time"})]
