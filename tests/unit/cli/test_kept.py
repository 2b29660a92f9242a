"""Which projections an installation keeps."""

from __future__ import annotations

from infra.settings import Settings
from infra.status import PROJECTION_TOPICS, kept


def test_search_is_kept_on_servers_where_an_elasticsearch_is_named() -> None:
    assert kept(Settings()) == set(PROJECTION_TOPICS)
    assert kept(Settings(profile="cluster")) == set(PROJECTION_TOPICS) - {"search"}
    assert kept(Settings(profile="cluster", elasticsearch_urls="http://a:9200")) == set(PROJECTION_TOPICS)
