"""The route tables of both APIs, as tests are driven from them: what stands where, and in which rate class."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fastapi.routing import APIRoute
from starlette.routing import Route

from infra.http.rate_limits import RateClass, rate_class_of
from schemas.ids import to_uuid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI


class Row(NamedTuple):
    """A route under one method."""

    method: str
    path: str
    rate_class: RateClass | None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def url(self) -> str:
        """A path of the template, whose ids are those of nothing."""
        return self.path.replace("{code}", "rate_limited").format_map(_Nobody())


class _Nobody(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return to_uuid(1) if name.endswith("_id") else "nobody"


def rows(app: FastAPI) -> list[Row]:
    """Return the table of an app."""
    return list(_rows(app))


def _rows(app: FastAPI) -> Iterator[Row]:
    for route in app.routes:
        if not isinstance(route, Route):
            continue
        dependencies = route.dependant.dependencies if isinstance(route, APIRoute) else ()
        classes = {found for it in dependencies if (found := rate_class_of(it.call)) is not None}
        for method in sorted(route.methods or ()):
            if method != "HEAD":  # is the GET without its body
                yield Row(method, route.path, next(iter(classes), None))
