"""The address planner: which prefixes touch, which addresses are free.

Prefixes and addresses are text, as everywhere in the model; they are well formed (the decoder saw to it).
In: texts. Out: texts. Next: `expand.py`, which fills a site with them, and `admission/addressing.py`, which judges.
"""

import functools
import ipaddress
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Network = IPv4Network | IPv6Network


@functools.lru_cache(maxsize=4096)
def network(prefix: str) -> Network:
    """A prefix as a network; host bits are cut off."""
    return ipaddress.ip_network(prefix, strict=False)


@functools.lru_cache(maxsize=4096)
def address(text: str) -> IPv4Address | IPv6Address:
    """An address as a value that can be compared."""
    return ipaddress.ip_address(text)


def overlap(left: str, right: str) -> bool:
    """Whether two prefixes share an address. Prefixes of different families never do."""
    one, other = network(left), network(right)
    if isinstance(one, IPv4Network) and isinstance(other, IPv4Network):
        return one.overlaps(other)
    return isinstance(one, IPv6Network) and isinstance(other, IPv6Network) and one.overlaps(other)


def inside(inner: str, outer: str) -> bool:
    """Whether prefix (or address) `inner` lies within prefix `outer`."""
    one, other = network(inner), network(outer)
    if isinstance(one, IPv4Network) and isinstance(other, IPv4Network):
        return one.subnet_of(other)
    return isinstance(one, IPv6Network) and isinstance(other, IPv6Network) and one.subnet_of(other)


def longer(inner: str, outer: str) -> bool:
    """Whether `inner` is a real part of `outer`, so that longest-prefix match prefers it."""
    return inner != outer and inside(inner, outer)


def host(prefix: str, number: int) -> str:
    """The `number`-th address of a prefix: 0 is the network itself, -1 the last address, -2 the last host."""
    return str(network(prefix)[number])


def first_host(prefix: str) -> str:
    """The first address that a host can have."""
    return host(prefix, 1) if network(prefix).num_addresses > 2 else host(prefix, 0)


def is_host(text: str, prefix: str) -> bool:
    """Whether an address of a prefix can be a host's: inside, and not its network or (IPv4) broadcast address."""
    net, one = network(prefix), address(text)
    if one not in net:
        return False
    if net.num_addresses <= 2:
        return True
    if one == net.network_address:
        return False
    return net.version == 6 or one != net.broadcast_address


def link_peer(text: str, length: int) -> str:
    """Another host of the subnet that `text` is in: the first that it is not itself."""
    prefix = f"{text}/{length}"
    first = first_host(prefix)
    return first if first != text else host(prefix, 2)


def first_free(pool: str, length: int, taken: Iterable[str]) -> str | None:
    """The first prefix of `length` in `pool` that overlaps nothing in `taken`, or None.

    It jumps over what is taken, so that a taken /8 costs one step and not a million.
    """
    space = network(pool)
    used = [net for net in map(network, taken) if net.version == space.version]
    size = 1 << (space.max_prefixlen - length)
    position = int(space.network_address)
    end = int(space.broadcast_address)
    while position + size - 1 <= end:
        last = position + size - 1
        hit = next(
            (net for net in used if int(net.network_address) <= last and int(net.broadcast_address) >= position), None
        )
        if hit is None:
            return f"{ipaddress.ip_address(position) if space.version == 4 else IPv6Address(position)}/{length}"
        position = (int(hit.broadcast_address) // size + 1) * size
    return None


def first_free_address(pool: str, taken: Iterable[str], *, skip: int = 1) -> str | None:
    """The first address of `pool` after its first `skip` that is not in `taken`, or None."""
    used = {int(address(text)) for text in taken}
    space = network(pool)
    for number in range(skip, min(space.num_addresses, skip + len(used) + 1)):
        if int(space[number]) not in used:
            return str(space[number])
    return None
