"""librdkafka's mock cluster in a process of its own: `python kafka_broker.py FILE`, which gets its port.

It speaks Kafka's protocol over TCP, with idempotent producers; what it holds is in memory and ends with it.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from confluent_kafka import Producer


def main(file: Path) -> None:
    """Run until killed."""
    cluster = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "replaced", "log_level": 3})
    (broker,) = cluster.list_topics(timeout=30).brokers.values()
    written = file.with_suffix(".part")
    written.write_text(str(broker.port))
    written.rename(file)
    signal.pause()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
