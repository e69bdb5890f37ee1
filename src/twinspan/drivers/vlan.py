"""The node's VLAN interfaces: real 802.1Q tags on the parent, by the kernel's driver or by eBPF where it has none.

In: a `DeviceConfig` and, after link events, the name of a parent. Out: the interfaces exist and what was done in words.
Addresses, MTU and "up" of the interface itself are `engine.reconcile`'s. Next: `drivers.vlan_bpf` for the
programs, `drivers.carrier` for the links' state.

What this driver made carries an alias (`twinspan:vlan:100:circuit`), so a restarted agent knows it again and removes it
once the config no longer names it. In the eBPF way the interface is a veth end; its other, hidden end tells it the
parent's carrier, which the kernel would do for a VLAN of its own.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from twinspan.drivers import vlan_bpf
from twinspan.drivers.carrier import has_carrier, set_up
from twinspan.model.device_config import DeviceConfig, Link
from twinspan.model.errors import Retryable, Unavailable

ALIAS = "twinspan:vlan:"
TAG_BYTES = 4
_NAME_MAX = 15
_NO_DRIVER = ("Unknown device type", "not supported")


class VlanFailed(Retryable):
    """The kernel refused a VLAN interface; the text names it and gives the kernel's reason."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message, delay_s=1.0, remedy=remedy)


class _Seen(msgspec.Struct, frozen=True, kw_only=True):
    """An interface of this namespace."""

    name: str
    index: int
    kind: str
    lower: str | None
    """Of a VLAN its parent, of a veth end its other end; None if that is in another namespace."""
    vlan_id: int | None
    alias: str
    address: str
    mtu: int
    promiscuous: bool


class VlanDriver:
    """Acts on the network namespace of the calling process. `kernel_driver` False: never ask for the kernel's."""

    def __init__(self, *, kernel_driver: bool = True) -> None:
        self._kernel_driver = kernel_driver
        self._hidden: dict[str, tuple[str, ...]] = {}
        """Parent to the hidden ends that follow its carrier."""
        self._nothing_left = False

    async def ensure(self, config: DeviceConfig) -> list[str]:
        """Bring the VLAN interfaces to `config`; what was done in words, nothing if it was so already.

        A VLAN whose parent does not exist waits for it. Raises `VlanFailed` if the kernel refuses, `Unavailable` if it
        can neither tag nor load programs, OSError if tc refuses.
        """
        wanted = {link.name: link for link in config.links if link.kind == "vlan"}
        if not wanted and self._nothing_left:
            return []
        seen = await _observe()
        done = []
        for name, found in seen.items():
            if found.alias.startswith(ALIAS) and (name not in wanted or not _is(found, wanted[name], seen)):
                done += await _remove(found, seen)
        if done:
            seen = await _observe()
        for link in wanted.values():
            if link.parent in seen:
                done += await self._one(link, seen)
        self._nothing_left = not wanted
        self._hidden = await _followers(wanted.values()) if wanted else {}
        for parent in self._hidden:
            done += self.mirror_carrier(parent)
        return done

    def mirror_carrier(self, parent: str) -> list[str]:
        """Give the VLANs on `parent` the carrier it has now; what was done in words.

        Asks the kernel what is, so a late or repeated call does no harm. It takes a few system calls and is not a
        coroutine: after a cable is pulled the kernel, BIRD and the failover decision wait for nothing else.
        """
        ends = self._hidden.get(parent, ())
        if not ends:
            return []
        up = has_carrier(parent)
        return [f"{end} {'up' if up else 'down'} like {parent}" for end in ends if set_up(end, up=up)]

    async def _one(self, link: Link, seen: Mapping[str, _Seen]) -> list[str]:
        there = seen.get(link.name)
        done = []
        if there is None:
            done = await self._make(link, seen)
            seen = await _observe()
        elif not _is(there, link, seen):
            raise VlanFailed(
                f"interface {link.name!r} exists and is not VLAN {link.vlan_id} on {link.parent!r}",
                remedy=f"remove or rename it: ip link delete {link.name}",
            )
        if seen[link.name].kind == "veth":
            done += await _attend(link, seen)
        return done

    async def _make(self, link: Link, seen: Mapping[str, _Seen]) -> list[str]:
        vlan_id, parent = _vlan(link)
        words = f"VLAN {vlan_id} made on {parent} as {link.name}"
        alias = f"link set dev {link.name} alias {_alias(link)}"
        if self._kernel_driver:
            text = f"link add link {parent} name {link.name} type vlan id {vlan_id}\n{alias}\n"
            status, _, error = await _run("ip", "-batch", "-", text=text)
            if status == 0:
                return [words]
            if not any(reason in error for reason in _NO_DRIVER):
                raise VlanFailed(f"cannot make {link.name!r}: {error}")
            self._kernel_driver = False
        hidden = _hidden_name(link, seen)
        # One address for the port and its VLANs, as the kernel's driver has it: a carrier may admit only one.
        lines = [
            f"link add name {link.name} address {seen[parent].address} mtu {link.mtu} type veth"
            f" peer name {hidden} mtu {link.mtu}",
            alias,
        ]
        await _ip(lines)
        return [words]


def _is(found: _Seen, link: Link, seen: Mapping[str, _Seen]) -> bool:
    if found.kind == "vlan":
        return (found.vlan_id, found.lower) == (link.vlan_id, link.parent)
    if found.kind != "veth" or found.lower not in seen:
        return False
    # The alias is set after the pair is made; an agent that died in between is known by the hidden end's name.
    named = link.parent in seen and found.lower == _hidden_name(link, seen)
    return named or found.alias == _alias(link)


async def _attend(link: Link, seen: Mapping[str, _Seen]) -> list[str]:
    """What the eBPF way needs besides the pair: programs, a parent that takes the frames, a silent hidden end."""
    vlan_id, parent_name = _vlan(link)
    parent, hidden = seen[parent_name], seen[seen[link.name].lower or ""]
    done, lines = [], []
    if seen[link.name].alias != _alias(link):
        lines.append(f"link set dev {link.name} alias {_alias(link)}")
    if not parent.promiscuous:
        lines.append(f"link set dev {parent.name} promisc on")
    if parent.mtu < link.mtu + TAG_BYTES:
        lines.append(f"link set dev {parent.name} mtu {link.mtu + TAG_BYTES}")
    if hidden.mtu < link.mtu:
        lines.append(f"link set dev {hidden.name} mtu {link.mtu}")
    if lines:
        await _ip(lines)
        done += lines
    _silence(hidden.name)
    push, pop = _program_name(vlan_id, parent.index), _program_name(vlan_id, hidden.index)
    on_hidden, on_parent = await asyncio.gather(_programs(hidden.name), _programs(parent.name))
    if push not in on_hidden:
        await vlan_bpf.attach(hidden.index, vlan_bpf.push_program(vlan_id, parent.index), name=push, priority=vlan_id)
        done.append(f"VLAN {vlan_id} tagged on {parent.name}")
    if pop not in on_parent:
        await vlan_bpf.attach(parent.index, vlan_bpf.pop_program(vlan_id, hidden.index), name=pop, priority=vlan_id)
        done.append(f"VLAN {vlan_id} taken from {parent.name}")
    return done


async def _remove(found: _Seen, seen: Mapping[str, _Seen]) -> list[str]:
    """Remove one of ours, and what it left on its parent."""
    vlan_id, _, parent = found.alias.removeprefix(ALIAS).partition(":")
    lines = [f"link delete dev {found.name}"]
    if found.kind == "veth" and parent in seen:
        if any(name.startswith(f"vlan{vlan_id}>") for name in await _programs(parent)):
            await _run("tc", "filter", "delete", "dev", parent, "ingress", "pref", vlan_id)
        siblings = [s for s in seen.values() if s.alias.startswith(ALIAS) and s.alias.endswith(f":{parent}")]
        if len(siblings) == 1:
            lines.append(f"link set dev {parent} promisc off")
    await _ip(lines)
    return [f"VLAN {vlan_id} removed from {parent}"]


async def _followers(links: Any) -> dict[str, tuple[str, ...]]:
    seen = await _observe()
    found: dict[str, tuple[str, ...]] = {}
    for link in links:
        there = seen.get(link.name)
        if there is not None and there.kind == "veth" and there.lower is not None:
            found[link.parent] = (*found.get(link.parent, ()), there.lower)
    return found


def _vlan(link: Link) -> tuple[int, str]:
    if link.vlan_id is None or link.parent is None:
        raise VlanFailed(f"link {link.name!r} is a VLAN without vlan_id or parent", remedy="set both")
    return link.vlan_id, link.parent


def _alias(link: Link) -> str:
    """The mark of what this driver made, and what it is."""
    return f"{ALIAS}{link.vlan_id}:{link.parent}"


def _hidden_name(link: Link, seen: Mapping[str, _Seen]) -> str:
    vlan_id, parent = _vlan(link)
    name = f"v{vlan_id}-{parent}"
    return name if len(name) <= _NAME_MAX else f"v{vlan_id}-{seen[parent].index}"


def _program_name(vlan_id: int, target_index: int) -> str:
    """Says what the program does, so that one that leads to an interface of the past is seen to be wrong."""
    return f"vlan{vlan_id}>{target_index}"


def _silence(hidden: str) -> None:
    """IPv6 on the hidden end would speak into the VLAN's own interface."""
    switch = Path(f"/proc/sys/net/ipv6/conf/{hidden}/disable_ipv6")
    if switch.exists():
        switch.write_text("1\n")


async def _observe() -> dict[str, _Seen]:
    status, text, error = await _run("ip", "-details", "-json", "link", "show")
    if status:
        raise VlanFailed(f"cannot list interfaces: {error}")
    return {link["ifname"]: _seen(link) for link in json.loads(text or "[]") if link}


def _seen(link: Mapping[str, Any]) -> _Seen:
    info = link.get("linkinfo", {})
    return _Seen(
        name=link["ifname"],
        index=link["ifindex"],
        kind=info.get("info_kind", ""),
        lower=link.get("link"),
        vlan_id=info.get("info_data", {}).get("id"),
        alias=link.get("ifalias", ""),
        address=link.get("address", ""),
        mtu=link.get("mtu", 0),
        promiscuous="PROMISC" in link.get("flags", []),
    )


async def _programs(interface: str) -> set[str]:
    """Names of the eBPF programs that see what comes in; empty too where nothing was ever attached."""
    _, text, _ = await _run("tc", "-json", "filter", "show", "dev", interface, "ingress")
    try:
        filters = json.loads(text or "[]")
    except json.JSONDecodeError:
        return set()
    return {f.get("options", {}).get("bpf_name", "") for f in filters} - {""}


async def _ip(lines: list[str]) -> None:
    status, _, error = await _run("ip", "-batch", "-", text="\n".join(lines) + "\n")
    if status:
        raise VlanFailed(f"the kernel refuses {lines[0]!r}: {error}")


async def _run(*argv: str, text: str = "") -> tuple[int, str, str]:
    """Exit status, output, and what it complained about."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except FileNotFoundError as error:
        raise Unavailable(f"{argv[0]} is not installed", remedy="apt-get install iproute2") from error
    output, complaint = await process.communicate(text.encode())
    return process.returncode or 0, output.decode(), " ".join(complaint.decode(errors="replace").split())[:300]
