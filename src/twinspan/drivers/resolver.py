"""All addresses of a name, from DNS servers of one's own choice or by the system's resolver.

In: a name or an address. Out: every IPv4 and IPv6 address, or `ResolveFailed` that says what kind of failure it was.
All servers are asked at once and the first that knows is believed, so that a dead one costs nothing. No more than the
deadline is ever waited for. Next: `agent.cloud_connection`.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import chain, zip_longest
from typing import Literal

from twinspan.model.device_config import Family
from twinspan.model.errors import Retryable
from twinspan.wire.dns_message import (
    AAAA,
    NAME_ERROR,
    NO_ERROR,
    A,
    DnsAnswer,
    QueryType,
    decode_answer,
    encode_question,
)
from twinspan.wire.dns_name import is_dns_name

ResolveFailure = Literal["unknown_name", "no_address", "no_server", "server_failure", "timeout"]
"""`unknown_name`: there is no such name. `no_address`: there is, without an address of the families asked for.
`no_server`: no DNS server is configured or reachable. `server_failure`: those that answered could not help.
`timeout`: nobody answered within the deadline."""
SocketFactory = Callable[[int, int], socket.socket]
"""(address family, socket type): for a source address, a VRF or another network namespace."""

DEADLINE_S = 5.0
_PORT = 53
_RESEND_S = 0.8
"""First wait for an answer to a packet that may be lost; doubled every time."""
_OTHER_FAMILY_S = 1.0
"""How long addresses of one family wait for those of the other: some servers never answer for IPv6."""
_DELAY_S = 1.0
_QUERIES: dict[Family, QueryType] = {"ipv4": A, "ipv6": AAAA}
_FAMILIES = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
_DEFINITE: tuple[ResolveFailure | None, ...] = (None, "unknown_name", "no_address")
_SYSTEM_ERRORS: dict[int, ResolveFailure] = {
    socket.EAI_NONAME: "unknown_name",
    socket.EAI_NODATA: "no_address",
    socket.EAI_ADDRFAMILY: "no_address",
    socket.EAI_AGAIN: "no_server",
}
_WORDS: dict[ResolveFailure, str] = {
    "unknown_name": "there is no such name",
    "no_address": "the name has no address",
    "no_server": "no DNS server can be reached",
    "server_failure": "the DNS servers cannot answer",
    "timeout": "no DNS server answered in time",
}


class ResolveFailed(Retryable):
    """No address was found. `kind` tells a name that is wrong from servers that are."""

    def __init__(self, domain: str, kind: ResolveFailure, detail: str = "") -> None:
        said = f"{domain!r} cannot be resolved: {_WORDS[kind]}"
        super().__init__(f"{said}: {detail}" if detail else said, delay_s=_DELAY_S)
        self.kind = kind


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    addresses: tuple[str, ...] = ()
    kind: ResolveFailure | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class _Question:
    name: str
    query_type: QueryType
    open_socket: SocketFactory


async def resolve(
    domain: str,
    servers: Sequence[str] = (),
    *,
    families: Sequence[Family] = ("ipv4", "ipv6"),
    deadline_s: float = DEADLINE_S,
    open_socket: SocketFactory = socket.socket,
) -> tuple[str, ...]:
    """All addresses of `domain`, the families in turn, beginning with the first named one; an address is its own.

    `servers` are addresses of DNS servers; without any the system's resolver is asked, which knows its hosts file and
    takes no notice of `open_socket`. Raises `ResolveFailed`.
    """
    with contextlib.suppress(ValueError):
        literal = ip_address(domain)
        if f"ipv{literal.version}" in families:
            return (str(literal),)
        raise ResolveFailed(domain, "no_address", f"it is an IPv{literal.version} address")
    name = domain.removesuffix(".")
    if not is_dns_name(name):
        raise ResolveFailed(domain, "unknown_name", "it is no DNS name")
    try:
        async with asyncio.timeout(deadline_s):
            if servers:
                outcomes = await _by_servers(name, servers, families, open_socket)
            else:
                outcomes = [await _by_system(name, families)]
    except TimeoutError as error:
        detail = f"waited {deadline_s:g} s for {', '.join(servers) or 'the system'}"
        raise ResolveFailed(domain, "timeout", detail) from error
    return _merged(domain, outcomes)


def _merged(domain: str, outcomes: list[_Outcome]) -> tuple[str, ...]:
    """Addresses in turn (RFC 8305 4), or the failure that says most."""
    found = [outcome.addresses for outcome in outcomes]
    in_turn = dict.fromkeys(a for a in chain.from_iterable(zip_longest(*found)) if a is not None)
    if in_turn:
        return tuple(in_turn)
    order: tuple[ResolveFailure, ...] = ("unknown_name", "timeout", "server_failure", "no_server", "no_address")
    worst = min(outcomes, key=lambda outcome: order.index(outcome.kind or "no_address"))
    raise ResolveFailed(domain, worst.kind or "no_address", worst.detail)


# ------------------------------------------------------------------------------------------------------ own servers


async def _by_servers(
    name: str, servers: Sequence[str], families: Sequence[Family], open_socket: SocketFactory
) -> list[_Outcome]:
    questions = [_Question(name=name, query_type=_QUERIES[f], open_socket=open_socket) for f in families]
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(_ask_all(q, servers), name=f"resolve {name} {q.query_type}") for q in questions]
    pending, patience_s = set(tasks), None
    try:
        while pending:
            done, pending = await asyncio.wait(pending, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                break
            if any(task.result().addresses for task in done):
                patience_s = _OTHER_FAMILY_S
        return [task.result() for task in tasks if task.done()]
    finally:
        await _cancel(tasks)


async def _ask_all(question: _Question, servers: Sequence[str]) -> _Outcome:
    """What the first server says that knows; without one, what the others say."""
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(_ask(question, server), name=f"ask {server}") for server in servers]
    pending, failures = set(tasks), []
    try:
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for outcome in (task.result() for task in done):
                if outcome.kind in _DEFINITE:
                    return outcome
                failures.append(outcome)
    finally:
        await _cancel(tasks)
    kind: ResolveFailure = "server_failure" if any(f.kind == "server_failure" for f in failures) else "no_server"
    return _Outcome(kind=kind, detail="; ".join(failure.detail for failure in failures))


async def _ask(question: _Question, server: str) -> _Outcome:
    try:
        answer = await _by_udp(question, server)
        if answer.truncated:
            answer = await _by_tcp(question, server)
    except (OSError, EOFError) as error:
        return _Outcome(kind="no_server", detail=f"{server}: {getattr(error, 'strerror', None) or 'hung up'}")
    except ValueError:
        return _Outcome(kind="no_server", detail=f"{server!r} is no address")
    if answer.response_code == NAME_ERROR:
        return _Outcome(kind="unknown_name")
    if answer.response_code != NO_ERROR:
        return _Outcome(kind="server_failure", detail=f"{server}: response code {answer.response_code}")
    return _Outcome(addresses=answer.addresses, kind=None if answer.addresses else "no_address")


async def _by_udp(question: _Question, server: str) -> DnsAnswer:
    """Asks until it is answered: the caller has the deadline."""
    query_id, loop, wait_s = secrets.randbits(16), asyncio.get_running_loop(), _RESEND_S
    query = encode_question(query_id, question.name, question.query_type)
    with _open(question, server, socket.SOCK_DGRAM) as handle:
        # Connected: only its answers come in, and that nobody listens there is heard at once.
        await loop.sock_connect(handle, (server, _PORT))
        while True:
            await loop.sock_sendall(handle, query)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    while True:
                        data = await loop.sock_recv(handle, 4096)
                        answer = decode_answer(data, query_id, question.name, question.query_type)
                        if answer is not None:
                            return answer
            wait_s *= 2


async def _by_tcp(question: _Question, server: str) -> DnsAnswer:
    """RFC 1035 4.2.2: each message behind its length in two bytes."""
    query_id, loop = secrets.randbits(16), asyncio.get_running_loop()
    query = encode_question(query_id, question.name, question.query_type)
    with _open(question, server, socket.SOCK_STREAM) as handle:
        await loop.sock_connect(handle, (server, _PORT))
        await loop.sock_sendall(handle, len(query).to_bytes(2) + query)
        size = int.from_bytes(await _exactly(handle, 2))
        data = await _exactly(handle, size)
    answer = decode_answer(data, query_id, question.name, question.query_type)
    if answer is None or answer.truncated:
        raise EOFError
    return answer


async def _exactly(handle: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = await asyncio.get_running_loop().sock_recv(handle, size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _open(question: _Question, server: str, kind: int) -> socket.socket:
    family = socket.AF_INET6 if ip_address(server).version == 6 else socket.AF_INET
    handle = question.open_socket(family, kind)
    handle.setblocking(False)
    return handle


async def _cancel(tasks: Iterable[asyncio.Task[_Outcome]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


# ------------------------------------------------------------------------------------------------------- the system


async def _by_system(name: str, families: Sequence[Family]) -> _Outcome:
    """By a thread that nobody waits for at the end: the system's resolver has its own, longer idea of patience."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_Outcome] = loop.create_future()

    def answer(outcome: _Outcome) -> None:
        if not future.done():
            future.set_result(outcome)

    def work() -> None:
        outcome = _look_up(name, families)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
            loop.call_soon_threadsafe(answer, outcome)

    threading.Thread(target=work, name=f"resolve {name}", daemon=True).start()
    return await future


def _look_up(name: str, families: Sequence[Family]) -> _Outcome:
    family = _FAMILIES[families[0]] if len(set(families)) == 1 else socket.AF_UNSPEC
    try:
        found = socket.getaddrinfo(name, None, family, socket.SOCK_STREAM)
    except socket.gaierror as error:
        kind = _SYSTEM_ERRORS.get(error.errno or 0, "server_failure")
        return _Outcome(kind=kind, detail=error.strerror or "")
    except (OSError, UnicodeError) as error:
        return _Outcome(kind="server_failure", detail=str(error))
    by_family = [[str(a[4][0]) for a in found if a[0] == _FAMILIES[f]] for f in families]
    return _Outcome(addresses=tuple(a for a in chain.from_iterable(zip_longest(*by_family)) if a is not None))
