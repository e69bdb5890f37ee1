"""An 802.1Q tag without the kernel's VLAN driver: two small eBPF programs on a veth pair and its parent.

In: a VLAN ID and interface indexes. Out: programs loaded with bpf(2) and attached with tc. They are written as
instructions, since they are a dozen each and a compiler would be a dependency. Next: `drivers.vlan` makes the pair.

    stack -> circuit.100 =veth= v100-circuit -- push: tag it, send it out of the parent -----> circuit -> wire
    stack <- circuit.100 =veth= v100-circuit <- pop: only this tag; take it off, hand it over -- circuit <- wire
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct

from twinspan.model.errors import Unavailable

# linux/bpf.h, linux/bpf_common.h: operation codes
_MOV_IMM, _MOV_REG, _AND_IMM, _LOAD_WORD = 0xB7, 0xBF, 0x57, 0x61
_JUMP_EQUAL, _JUMP_NOT_EQUAL, _CALL, _EXIT = 0x15, 0x55, 0x85, 0x95
# helper functions of the same file
_VLAN_PUSH, _VLAN_POP, _REDIRECT = 18, 19, 23
# offsets in struct __sk_buff of the same file
_VLAN_PRESENT, _VLAN_TCI, _VLAN_PROTO = 20, 24, 28
_VID_MASK = 0xFFF
_8021Q = socket.htons(0x8100)
# linux/pkt_cls.h: let the next filter and then the stack decide; drop
_UNSPEC, _SHOT = -1, 2

_SYSCALL = {"x86_64": 321, "aarch64": 280}
_PROG_LOAD, _SCHED_CLS = 5, 3
_ATTRIBUTES = struct.Struct("=IIQQIIQII16s")
"""union bpf_attr of BPF_PROG_LOAD, up to and with prog_name."""

_INGRESS = 0xFFFFFFF2
"""TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)"""
_HANDLE = 1
_ETH_P_ALL = 3

_libc = ctypes.CDLL(None, use_errno=True)


def push_program(vlan_id: int, parent_index: int) -> bytes:
    """For the hidden end: tag every frame with `vlan_id` and send it out of the parent. A frame that cannot be
    tagged is dropped, never sent without its tag."""
    return b"".join(
        [
            _op(_MOV_IMM, dst=2, imm=_8021Q),
            _op(_MOV_IMM, dst=3, imm=vlan_id),
            _op(_CALL, imm=_VLAN_PUSH),
            _jump(_JUMP_NOT_EQUAL, 0, 0, here=3, to=8),
            *_send(parent_index),
            *_end(_SHOT),
        ]
    )


def pop_program(vlan_id: int, hidden_index: int) -> bytes:
    """For the parent: take `vlan_id`'s tag off and hand the frame to the hidden end; every other frame goes on."""
    return b"".join(
        [
            _op(_MOV_REG, dst=6, src=1),
            _op(_LOAD_WORD, dst=7, src=6, offset=_VLAN_PRESENT),
            _jump(_JUMP_EQUAL, 7, 0, here=2, to=15),
            _op(_LOAD_WORD, dst=7, src=6, offset=_VLAN_PROTO),
            _jump(_JUMP_NOT_EQUAL, 7, _8021Q, here=4, to=15),
            _op(_LOAD_WORD, dst=7, src=6, offset=_VLAN_TCI),
            _op(_AND_IMM, dst=7, imm=_VID_MASK),
            _jump(_JUMP_NOT_EQUAL, 7, vlan_id, here=7, to=15),
            _op(_MOV_REG, dst=1, src=6),
            _op(_CALL, imm=_VLAN_POP),
            _jump(_JUMP_NOT_EQUAL, 0, 0, here=10, to=17),
            *_send(hidden_index),
            *_end(_UNSPEC),
            *_end(_SHOT),
        ]
    )


async def attach(index: int, program: bytes, *, name: str, priority: int) -> None:
    """Run `program` on what comes in at interface `index`, instead of what ran there with this priority.

    Raises `Unavailable` if the kernel loads no programs, OSError if tc refuses.
    """
    # Takes a fifth of a second to import; only a node with a VLAN on a kernel without the driver pays for it.
    from pyroute2 import AsyncIPRoute, NetlinkError  # noqa: PLC0415

    loaded = _load(program)
    try:
        async with AsyncIPRoute() as route:
            try:
                await route.tc("add", "clsact", index)
            except NetlinkError as error:
                if error.code != errno.EEXIST:
                    raise
            await route.tc(
                "replace-filter",
                "bpf",
                index,
                _HANDLE,
                fd=loaded,
                name=name,
                parent=_INGRESS,
                classid=1,
                direct_action=True,
                prio=priority,
                protocol=_ETH_P_ALL,
            )
    except NetlinkError as error:
        raise OSError(error.code, f"tc refuses the program {name!r}: {error}") from error
    finally:
        os.close(loaded)


def _load(program: bytes) -> int:
    """The program's file descriptor."""
    number = _SYSCALL.get(platform.machine())
    if number is None:
        raise Unavailable(f"no VLAN on {platform.machine()}: the number of bpf(2) is not known there")
    code = ctypes.create_string_buffer(program, len(program))
    licence = ctypes.create_string_buffer(b"Apache-2.0")
    code_at, licence_at = ctypes.addressof(code), ctypes.addressof(licence)
    values = _ATTRIBUTES.pack(_SCHED_CLS, len(program) // 8, code_at, licence_at, 0, 0, 0, 0, 0, b"twinspan_vlan")
    attributes = ctypes.create_string_buffer(values, len(values))
    loaded = int(_libc.syscall(number, _PROG_LOAD, attributes, len(values)))
    if loaded < 0:
        reason = os.strerror(ctypes.get_errno())
        raise Unavailable(
            f"no VLAN: the kernel has no 802.1Q driver and refuses an eBPF program: {reason}",
            remedy="load the kernel module 8021q, or allow CAP_BPF and CAP_NET_ADMIN",
        )
    return loaded


def _send(index: int) -> list[bytes]:
    return [_op(_MOV_IMM, dst=1, imm=index), _op(_MOV_IMM, dst=2), _op(_CALL, imm=_REDIRECT), _op(_EXIT)]


def _end(verdict: int) -> list[bytes]:
    return [_op(_MOV_IMM, dst=0, imm=verdict), _op(_EXIT)]


def _jump(code: int, register: int, value: int, *, here: int, to: int) -> bytes:
    """If the register compares to `value`: from instruction `here` to instruction `to`."""
    return _op(code, dst=register, offset=to - here - 1, imm=value)


def _op(code: int, *, dst: int = 0, src: int = 0, offset: int = 0, imm: int = 0) -> bytes:
    return struct.pack("=BBhi", code, dst | src << 4, offset, imm)
