"""Appends a file's plan to Kafka, as `murmur load` does, without waiting for projections: FILE.

Prints how many events were taken after each chunk.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from commands.imports.bootstrap import plan_of
from commands.imports.cluster import opened_cluster
from commands.imports.files import digest_of
from commands.imports.ledger import Source
from commands.imports.loader import Advance, Import
from infra.settings import Settings


def main(file: str) -> None:
    content = Path(file).read_bytes()
    source = Source("higgs", digest_of(content), None, active=False)
    plan = plan_of("higgs", content, None, active=False)
    with opened_cluster(Settings(), source, lambda _: None) as (_, ledger, *_):
        advance = Import(ledger, plan, ledger.steps_done()).run(threading.Event(), told)
    assert advance.steps == plan.total_steps
    told(advance)


def told(advance: Advance) -> None:
    sys.stdout.write(f"{advance.events}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
