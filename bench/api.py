"""`make bench-api`: the resource service against its goals, with a bare handler of the same server as the ceiling.

In: nothing. Out: a table on standard output and in bench/results/api.md; exit code 1 if a goal is missed. Server and
load share the machine's two cores, over TLS. Next: `api_load.py` is the load.
"""

from __future__ import annotations

import contextlib
import os
import platform
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from api_load import Answer, Order
from api_sign import signed

from twinspan.cli.site_file import check
from twinspan.model.resource import Actor
from twinspan.server.accounts import Accounts
from twinspan.server.clock import wall_ns
from twinspan.server.database.place import database_url
from twinspan.server.resources.access import AccessKeyTable, NewAccessKey
from twinspan.server.resources.operations import ServiceSettings
from twinspan.server.resources.seal import FILE_NAME as SEAL_KEY
from twinspan.server.resources.seal import SealKey
from twinspan.server.resources.service import ResourceService
from twinspan.server.resources.sql_store import open_store
from twinspan.server.store import FILE_NAME, DeviceStore
from twinspan.wire.site_file_text import to_plain

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "api.md"
STORED = 100_000
GROUP = 1_000
ACCOUNT, RICH = "bench", "rich"
"""The second one has the 100,000 resources."""
CONNECTIONS, WRITERS = 16, 32
SECONDS, ROUNDS = 3.0, 3


class Row(msgspec.Struct, kw_only=True):
    work: str
    measured: str
    goal: str
    met: bool | None
    detail: str = ""


class Bench:
    """A server in a temporary directory."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, folder / "state"
        self.rows: list[Row] = []
        self.port = _free_port()
        _twinspan(
            "server",
            "init",
            "--state-dir",
            str(self.state),
            "--name",
            "127.0.0.1",
            "--token-file",
            str(folder / "admin"),
        )
        devices = DeviceStore(self.state / FILE_NAME)
        accounts = Accounts(devices)
        self.token = accounts.add(ACCOUNT, "", wall_ns()).reveal()
        self.rich_token = accounts.add(RICH, "", wall_ns()).reveal()
        seal = SealKey.load_or_create(self.state / SEAL_KEY)
        self.key = AccessKeyTable(devices, seal).add(NewAccessKey(account=ACCOUNT), wall_ns())
        devices.close()
        self.store = open_store(database_url(self.state, ""), seal)
        self.service = ResourceService(self.store, wall_ns, ServiceSettings())
        self.actor = Actor(account=ACCOUNT, label="bench")

    @contextlib.contextmanager
    def server(self) -> Iterator[int]:
        """Its pid, while it runs."""
        child = subprocess.Popen(
            [sys.executable, "-m", "twinspan.cli.main", "server", "run", "--state-dir", str(self.state), "--listen",
             "127.0.0.1", "--port", str(self.port), "--rate", "0"],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            end = time.monotonic() + 20
            while time.monotonic() < end and child.poll() is None:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                    break
                time.sleep(0.05)
            yield child.pid
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(20)

    def load(self, requests: list[bytes], **order: Any) -> Answer:
        file = self.folder / "requests"
        file.write_bytes(msgspec.msgpack.encode(requests))
        given = Order(port=self.port, file=str(file), **({"connections": CONNECTIONS} | order))
        done = subprocess.run(
            [sys.executable, str(HERE / "api_load.py")],
            input=msgspec.json.encode(given),
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(done.stderr.decode())
        answer = msgspec.json.decode(done.stdout, type=Answer)
        if answer.failed:
            raise SystemExit(f"{answer.failed} requests failed, the first: {answer.first_failure}")
        return answer

    def get(self, path: str, token: str) -> bytes:
        return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()

    def post(self, path: str, body: bytes) -> bytes:
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.token}\r\n"
        return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    def row(self, work: str, measured: str, goal: str, met: bool | None, detail: str = "") -> None:
        self.rows.append(Row(work=work, measured=measured, goal=goal, met=met, detail=detail))
        print(
            f"{'MISSED' if met is False else 'met' if met else '-':7}{work}: {measured} (goal {goal}) {detail}",
            flush=True,
        )


def reading(bench: Bench) -> None:
    """One resource, native and compatible, against the bare handler; turn by turn."""
    vpc = bench.service.create(bench.actor, "Vpc", {"cidr_block": "10.1.0.0/16"}, name="read")
    hello = [b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"]
    native = [bench.get(f"/api/v1/vpcs/{vpc.id}", bench.token)]
    rates: dict[str, list[float]] = {"hello": [], "native": [], "describe": []}
    for _ in range(ROUNDS):
        rates["hello"].append(_rate(bench.load(hello, seconds=SECONDS)))
        rates["native"].append(_rate(bench.load(native, seconds=SECONDS)))
        parameters = {"RegionId": "cn-hangzhou", "VpcId": vpc.id}
        ready = [signed("DescribeVpcs", "2016-04-28", parameters, bench.key) for _ in range(12_000)]
        rates["describe"].append(_rate(bench.load(ready)))
    ceiling, get, describe = (statistics.median(rates[name]) for name in ("hello", "native", "describe"))
    shown = f"{get:,.0f}/s of {ceiling:,.0f}/s"
    bench.row("get one resource, native", f"{get / ceiling:.2f} of the ceiling", ">= 0.5", get / ceiling >= 0.5, shown)
    half = bench.load(native, seconds=2 * SECONDS, rate=get / 2)
    bench.row(
        "the same at half that load, p99",
        f"{half.p99_ms:.1f} ms",
        "<= 10 ms",
        half.p99_ms <= 10,
        f"p50 {half.p50_ms:.1f} ms",
    )
    shown = f"{describe:,.0f}/s of {ceiling:,.0f}/s"
    bench.row(
        "compatible Describe, signed",
        f"{describe / ceiling:.2f} of the ceiling",
        ">= 0.35",
        describe / ceiling >= 0.35,
        shown,
    )


def writing(bench: Bench) -> None:
    """Creates by 32 clients: validated, audited, on disk."""
    rates, slowest = [], 0.0
    for _ in range(ROUNDS):
        bodies = [
            msgspec.json.encode({"name": f"w-{secrets.token_hex(6)}", "spec": {"cidr_block": "10.2.0.0/16"}})
            for _ in range(1500)
        ]
        answer = bench.load([bench.post("/api/v1/vpcs", body) for body in bodies], connections=WRITERS)
        rates.append(_rate(answer))
        slowest = max(slowest, answer.p99_ms)
    rate = statistics.median(rates)
    bench.row(
        "create, 32 clients", f"{rate:,.0f}/s", ">= 500/s", rate >= 500, f"p99 of the slowest round {slowest:.0f} ms"
    )


def applying(bench: Bench) -> None:
    """The seed's topology, by the command that people use."""
    site_file = HERE.parent / "examples" / "01-two-spans" / "site.yaml"
    found = check(site_file.read_bytes(), site_file.name)
    assert found.site is not None
    plain = to_plain(found.site)
    first, again, wrote = [], [], 0
    for number in range(5):
        body = bench.post("/api/v1/apply", msgspec.json.encode({"site": plain | {"site": f"bench-{number}"}}))
        first.append(bench.load([body], connections=1).p50_ms / 1000)
        before = bench.store.read(lambda view: view.newest_change())
        again.append(bench.load([body], connections=1).p50_ms / 1000)
        wrote += bench.store.read(lambda view: view.newest_change()) - before
    one, two = statistics.median(first), statistics.median(again)
    bench.row("apply of the document's topology", f"{one * 1000:.0f} ms", "<= 1 s", one <= 1)
    bench.row("the same again", f"{two * 1000:.0f} ms, {wrote} writes", "<= 0.3 s, 0 writes", two <= 0.3 and wrote == 0)


def listing(bench: Bench) -> None:
    """100 of 100,000, first, middle and last page, by cursor and by page number; by itself, one at a time."""
    worst, detail = 0.0, []
    pages = {
        "first": "",
        "sorted by name": "&sort=name",
        "newest first": "&sort=-created",
        "one of a tag": "&tag.even=yes",
    }
    for name, query in pages.items():
        answer = bench.load([bench.get(f"/api/v1/vpcs?limit=100{query}", bench.rich_token)] * 30, connections=1)
        worst = max(worst, answer.p50_ms)
        detail.append(f"{name} {answer.p50_ms:.1f}")
    for page in (1, STORED // 200, STORED // 100):
        offset = (page - 1) * 100
        answer = bench.load(
            [bench.get(f"/api/v1/vpcs?limit=100&offset={offset}", bench.rich_token)] * 30, connections=1
        )
        worst = max(worst, answer.p50_ms)
        detail.append(f"from {offset:,} {answer.p50_ms:.1f}")
    bench.row(
        "list of 100 out of 100,000, slowest page",
        f"{worst:.1f} ms",
        "<= 20 ms",
        worst <= 20,
        "; ".join(detail) + " ms",
    )


def fill(bench: Bench) -> None:
    """100,000 resources, by the service, a thousand with each write to disk."""
    actor = Actor(account=RICH, label="bench")
    spec = {"cidr_block": "10.3.0.0/16"}

    def group(start: int) -> Callable[[Any], None]:
        def work(tx: Any) -> None:
            for number in range(start, start + GROUP):
                tags = {"even": "yes"} if number % 2 == 0 else {}
                tx.create("Vpc", {**spec, "tags": tags}, name=f"vpc-{number:06}")

        return work

    bench.store.change(lambda work: work.set_quota(RICH, "vpcs", STORED * 2))
    for start in range(0, STORED, GROUP):
        bench.service.run(actor, group(start))


def main() -> int:
    """All rows; 1 if a goal is missed."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="twinspan-bench-") as folder:
        bench = Bench(Path(folder))
        with bench.server():
            reading(bench)
            writing(bench)
            applying(bench)
        fill(bench)
        with bench.server() as pid:
            listing(bench)
            reading_rich = bench.load([bench.get("/api/v1/vpcs?limit=10", bench.rich_token)], seconds=SECONDS)
            memory = _pss_mib(pid)
        bench.row("memory with 100,000 resources stored", f"{memory:.0f} MiB", "<= 300 MiB", memory <= 300,
                  f"after the lists above and {reading_rich.done:,} more")  # fmt: skip
        bench.store.close()
    _write(bench.rows, time.monotonic() - begun)
    return 0 if all(row.met is not False for row in bench.rows) else 1


def _write(rows: list[Row], seconds: float) -> None:
    met = sum(row.met is True for row in rows)
    lines = [
        "# The resource service against its goals",
        "",
        f"By `make bench-api`: {met} of {sum(row.met is not None for row in rows)} goals are met. Server and "
        "load share the machine's cores, over TLS;",
        "the ceiling is the server's own /healthz, which does nothing, in the same run.",
        "",
        "| work | measured | goal | verdict | in detail |",
        "|---|---|---|---|---|",
        *(
            f"| {row.work} | {row.measured} | {row.goal} | {'met' if row.met else 'MISSED'} | {row.detail} |"
            for row in rows
        ),
        "",
        f"Python {platform.python_version()}, kernel {platform.release()}, {os.cpu_count()} cores, "
        f"load average {os.getloadavg()[0]:.1f}; {seconds:.0f} s; measured {datetime.now(UTC):%Y-%m-%d}",
    ]
    RESULTS.write_text("\n".join(lines).replace(">=", "≥").replace("<=", "≤") + "\n", encoding="utf-8")


def _rate(answer: Answer) -> float:
    return answer.done / answer.seconds


def _pss_mib(pid: int) -> float:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _twinspan(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "twinspan.cli.main", *arguments], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
