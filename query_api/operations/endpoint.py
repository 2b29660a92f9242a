"""HTTP: health, readiness, metrics, and how far the projections are. None of them needs a token or the read models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotation

from infra.http.rate_limits import RateClass, limited
from query_api.openapi import describe
from query_api.operations import response
from query_api.operations.shapes import Projections, Readiness, State
from query_api.reading import LAG_HEADER

if TYPE_CHECKING:
    from query_api.bootstrap import Services

router = APIRouter(tags=["operations"], dependencies=[limited(RateClass.OPEN)])


@router.get("/healthz", response_model=State)
async def healthz() -> Response:
    """Return that the process answers."""
    return Response(b'{"status":"ok"}', media_type="application/json")


@router.get("/readyz", **describe(Readiness, parameters=()))
async def readyz(request: Request) -> Response:
    """Return how each part is; 503 with the reasons where queries cannot be answered."""
    services: Services = request.app.state.services
    services.stores.readers()
    return _answer(services, response.readiness(services))


@router.get("/projections", **describe(Projections, parameters=()))
async def projections(request: Request) -> Response:
    """Return, per projection, its generation, its position in each partition, and its lag."""
    services: Services = request.app.state.services
    return _answer(services, response.projections(services))


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Return what Prometheus reads."""
    own: CollectorRegistry = request.app.state.metrics
    return Response(generate_latest(REGISTRY) + generate_latest(own), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _answer(services: Services, body: bytes) -> Response:
    headers = {LAG_HEADER: services.lag.header(services.stores.names)}
    return Response(body, headers=headers, media_type="application/json")
