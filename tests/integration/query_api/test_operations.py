"""What operators read of a replay that goes on beside the query process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.archive import told
from infra.replay_progress import ProgressFile, ProjectionProgress
from tests.query_world import World

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_replay_is_told_with_its_projection_and_in_the_metrics(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        client = world.client()
        before = (await client.get("http://query/projections")).json()["projections"]
        assert {it["replay"] for it in before} == {None}
        going = {"tweets": ProjectionProgress(2, "load", 10, 40, 5.0, 6.0), "graph": ProjectionProgress(3)}
        ProgressFile(world.settings.run_dir).write(going)
        told = {
            it["projection"]: it["replay"]
            for it in (await client.get("http://query/projections")).json()["projections"]
        }
        assert told["accounts"] is None
        assert told["tweets"] | {"told_at": ""} == {
            "running": True, "generation": 2, "phase": "load", "done": 10, "total": 40, "records_per_second": 5.0,
            "seconds_left": 6.0, "verified": None, "report": "", "told_at": "",
        }  # fmt: skip
        metrics = (await client.get("http://query/metrics")).text
        assert 'murmur_replay_running{projection="tweets"} 1.0' in metrics
        assert 'murmur_replay_left_records{projection="tweets"} 30.0' in metrics
        going["tweets"] = ProjectionProgress(2, "failed", 40, 40, verified=False, report="one row is not there")
        ProgressFile(world.settings.run_dir).write(going, finished=True)
        metrics = (await client.get("http://query/metrics")).text
        assert 'murmur_replay_running{projection="tweets"} 0.0' in metrics
        assert 'murmur_replay_verified{projection="tweets"} 0.0' in metrics


async def test_how_far_the_log_is_archived_is_in_the_metrics(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        client = world.client()
        assert "murmur_archive_failed" not in (await client.get("http://query/metrics")).text
        told.write(
            world.settings.run_dir, told.Told(5_000, {"tweets": told.TopicTold(40, 3, 2, 900)}, error="no bucket")
        )
        metrics = (await client.get("http://query/metrics")).text
        assert 'murmur_archive_records{topic="tweets"} 40.0' in metrics
        assert 'murmur_archive_waiting_records{topic="tweets"} 3.0' in metrics
        assert 'murmur_archive_bytes{topic="tweets"} 900.0' in metrics
        assert "murmur_archive_last_run_timestamp_seconds 5.0" in metrics
        assert "murmur_archive_failed 1.0" in metrics
