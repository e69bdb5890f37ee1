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
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

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
SECONDS, ROUNDS = 2.0, 5
SIGNED = 8_000
"""Requests of one turn: each nonce is good once."""
SITE_VPCS, END_S = 200, 3.0


class Row(msgspec.Struct, kw_only=True):
    work: str
    measured: str
    goal: str
    met: bool | None
    """None: there is no goal."""
    detail: str = ""

    @property
    def verdict(self) -> str:
        return "-" if self.met is None else "met" if self.met else "MISSED"


class Bench:
    """A server in a temporary directory."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, folder / "state"
        self.rows: list[Row] = []
        self.ended_s = 0.0
        """How long the last server took to end."""
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
            since = time.monotonic()
            child.send_signal(signal.SIGTERM)
            child.wait(60)
            self.ended_s = time.monotonic() - since

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
        print(f"{self.rows[-1].verdict:7}{work}: {measured} (goal {goal}) {detail}", flush=True)


def reading(bench: Bench, pid: int) -> None:
    """One resource, native and compatible, against the bare handler; turn by turn, each turn against its own."""
    vpc = bench.service.create(bench.actor, "Vpc", {"cidr_block": "10.1.0.0/16"}, name="read")
    hello = [b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"]
    native = [bench.get(f"/api/v1/vpcs/{vpc.id}", bench.token)]
    turns: dict[str, list[Turn]] = {"hello": [], "native": [], "describe": []}
    for _ in range(ROUNDS):
        turns["hello"].append(_turn(bench, pid, hello, seconds=SECONDS))
        turns["native"].append(_turn(bench, pid, native, seconds=SECONDS))
        parameters = {"RegionId": "cn-hangzhou", "VpcId": vpc.id}
        ready = [signed("DescribeVpcs", "2016-04-28", parameters, bench.key) for _ in range(SIGNED)]
        turns["describe"].append(_turn(bench, pid, ready))
    _against_ceiling(bench, "get one resource, native", turns["native"], turns["hello"], 0.5)
    half = statistics.median(turn.rate for turn in turns["native"]) / 2
    late = [bench.load(native, seconds=SECONDS, rate=half) for _ in range(ROUNDS)]
    bare = [bench.load(hello, seconds=SECONDS, rate=half).p99_ms for _ in range(ROUNDS)]
    p99 = statistics.median(one.p99_ms for one in late)
    shown = (
        f"p50 {statistics.median(one.p50_ms for one in late):.1f} ms at {half:,.0f}/s; the bare handler's p99 at as "
        f"many {statistics.median(bare):.1f} ms"
    )
    bench.row("the same at half that load, p99", f"{p99:.1f} ms", "<= 10 ms", p99 <= 10, shown)
    _against_ceiling(bench, "compatible Describe, signed", turns["describe"], turns["hello"], 0.35)


class Turn(NamedTuple):
    """One measurement."""

    rate: float
    cpu_us: float
    """Of the server, for each request."""


def _turn(bench: Bench, pid: int, requests: list[bytes], **order: Any) -> Turn:
    before = _cpu_s(pid)
    answer = bench.load(requests, **order)
    return Turn(_rate(answer), (_cpu_s(pid) - before) / answer.done * 1e6)


def _against_ceiling(bench: Bench, work: str, turns: list[Turn], ceiling: list[Turn], goal: float) -> None:
    """The median of the turns' ratios: whatever else the machine does slows the two of a turn alike."""
    ratio = statistics.median(one.rate / top.rate for one, top in zip(turns, ceiling, strict=True))
    rate, most = (statistics.median(one.rate for one in some) for some in (turns, ceiling))
    own, bare = (statistics.median(one.cpu_us for one in some) for some in (turns, ceiling))
    shown = f"{rate:,.0f}/s of {most:,.0f}/s; {own:.0f} µs of the server's CPU for each, {bare:.0f} for the bare one"
    bench.row(work, f"{ratio:.2f} of the ceiling", f">= {goal}", ratio >= goal, shown)


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
    plain = _document()
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


def changing(bench: Bench) -> None:
    """Reading while a large site is changed and planned all the time."""
    plain = _document()
    kept = {name: plain[name] for name in ("data_center", "gateway")}
    bench.service.create(bench.actor, "Site", kept, name="large")

    def vpcs(tx: Any) -> list[str]:
        return [
            tx.create("Vpc", {"cidr_block": f"10.{n >> 8}.{n & 255}.0/24"}, name=f"large-{n}", site="large").id
            for n in range(SITE_VPCS)
        ]

    made: list[str] = bench.service.run(bench.actor, vpcs)
    ended = threading.Event()

    def change() -> None:
        number = 0
        while not ended.wait(0.05):
            number += 1
            bench.service.patch(bench.actor, "Vpc", made[number % len(made)], {"spec": {"description": str(number)}})

    writer = threading.Thread(target=change)
    writer.start()
    answer = bench.load([bench.get(f"/api/v1/vpcs/{made[0]}", bench.token)], seconds=2 * SECONDS)
    ended.set()
    writer.join()
    bench.row(
        "get while a site of 200 VPCs changes 20 times a second", f"{_rate(answer):,.0f}/s", "-", None,
        f"p99 {answer.p99_ms:.1f} ms",
    )  # fmt: skip


def _document() -> dict[str, Any]:
    """The seed's topology."""
    site_file = HERE.parent / "examples" / "01-two-spans" / "site.yaml"
    found = check(site_file.read_bytes(), site_file.name)
    assert found.site is not None
    plain: dict[str, Any] = to_plain(found.site)
    return plain


def listing(bench: Bench) -> None:
    """100 of 100,000, first, middle and last page, by cursor and by page number; by itself, one at a time."""
    worst, detail = 0.0, []
    pages = {
        "first": "",
        "sorted by name": "&sort=name",
        "newest first": "&sort=-created",
        "one of a tag": "&tag.even=yes",
        "of a tag by name": "&tag.even=yes&sort=name",
        "of a tag from 25,000": "&tag.even=yes&offset=25000",
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
        with bench.server() as pid:
            reading(bench, pid)
            writing(bench)
            applying(bench)
            changing(bench)
        bench.row("end after all that", f"{bench.ended_s:.1f} s", f"<= {END_S:.0f} s", bench.ended_s <= END_S)
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
        *(f"| {row.work} | {row.measured} | {row.goal} | {row.verdict} | {row.detail} |" for row in rows),
        "",
        f"Python {platform.python_version()}, kernel {platform.release()}, {os.cpu_count()} cores, "
        f"load average {os.getloadavg()[0]:.1f}; {seconds:.0f} s; measured {datetime.now(UTC):%Y-%m-%d}",
    ]
    RESULTS.write_text("\n".join(lines).replace(">=", "≥").replace("<=", "≤") + "\n", encoding="utf-8")


def _rate(answer: Answer) -> float:
    return answer.done / answer.seconds


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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
