"""Where the server's database is stays in the server's log: who asks from elsewhere is told when to ask again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.inprocess.compatible import Refused, Server, made_state
from tests.inprocess.rest import Rest, token
from tests.inprocess.site import Site

from twinspan.model.errors import TwinspanError, Unavailable
from twinspan.server.database import postgres, sqlite_file

SECRET_PLACES = ("hidden", "db.internal", "5432", "state directory", "URL")
VPC = {"spec": {"cidr_block": "10.1.0.0/16"}}


def _sqlite(name: str, cls: type[sqlite3.Error] = sqlite3.OperationalError) -> TwinspanError:
    error = cls("near hidden")
    error.sqlite_errorname = name
    return sqlite_file.translated(error, "/hidden/twinspan.db")


def _postgres() -> TwinspanError:
    error = psycopg.OperationalError('connection to server at "db.internal", port 5432 failed')
    return postgres.translated(error, "twinspan on db.internal")


FAILURES: dict[str, Callable[[], TwinspanError]] = {
    "sqlite-away": lambda: _sqlite("SQLITE_CANTOPEN"),
    "sqlite-full": lambda: _sqlite("SQLITE_FULL"),
    "sqlite-damaged": lambda: _sqlite("SQLITE_CORRUPT"),
    "postgres-away": _postgres,
    "opening": lambda: Unavailable("cannot use the server's database /hidden", remedy="check the state directory"),
}


class Away:
    """A store that always fails like that."""

    def __init__(self, failure: Callable[[], TwinspanError]) -> None:
        self._failure = failure

    def __getattr__(self, name: str) -> Any:
        def refuse(*_: Any, **__: Any) -> Any:
            raise self._failure()

        return refuse


def says_nothing(text: str) -> bool:
    return not [place for place in SECRET_PLACES if place in text]


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
async def test_the_native_api_tells_no_place(
    site: Site, failure: Callable[[], TwinspanError], capfd: pytest.CaptureFixture[str]
) -> None:
    cloud = await site.cloud()
    alice = Rest(cloud, token(cloud))
    service, store = cloud.worker.resources.service, cloud.worker.resources.store
    service.store = Away(failure)  # type: ignore[assignment]
    for method, path, value in (("GET", "/vpcs", None), ("POST", "/vpcs", VPC), ("GET", "//readyz", None)):
        reply = await alice.ask(method, path, value)
        assert reply.status == 503
        assert int(reply.headers["retry-after"]) >= 1
        assert says_nothing(reply.body.decode()), reply.body
    service.store = store
    assert failure().message in capfd.readouterr().err


@pytest.fixture
def server(tmp_path: Path, authority: Path) -> Iterator[Server]:
    running = Server(made_state(tmp_path / "state", authority), async_delay_ms=0)
    yield running
    running.close()


def test_the_compatible_api_tells_no_place(server: Server) -> None:
    cloud = server.cloud()
    service, store = server.worker.resources.service, server.worker.resources.store
    for failure in FAILURES.values():
        service.store = Away(failure)  # type: ignore[assignment]
        for action, given in (("DescribeVpcs", {}), ("CreateVpc", {"cidr_block": "10.0.0.0/8"})):
            with pytest.raises(Refused, match="ServiceUnavailable") as refused:
                cloud.vpc(action, **given)
            assert says_nothing(refused.value.message), refused.value.message
    service.store = store
