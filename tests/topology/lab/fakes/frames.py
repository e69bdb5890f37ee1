"""Raw frames, to see what passes a segment without any stack in between: bare, and with an 802.1Q tag."""

import socket
import struct
import time

from twinspan.lab.namespace import call_inside

ETH_P_ALL, ETH_P_IP, ETH_P_8021Q = 3, 0x0800, 0x8100
TCP, UDP = 6, 17


def ip_packet(length: int, marker: bytes, protocol: int = UDP, ports: tuple[int, int] = (9999, 9999)) -> bytes:
    """`length` counts as the kernel counts: from the IP header on."""
    body = struct.pack(">HH", *ports) + marker
    header = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, protocol, 0, bytes((10, 9, 9, 1)), bytes((10, 9, 9, 2))
    )
    total = sum(struct.unpack(">10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    header = header[:10] + struct.pack(">H", 0xFFFF - ((total & 0xFFFF) + (total >> 16))) + header[12:]
    return (header + body).ljust(length, b"\0")


def frame(packet: bytes, vlan_id: int | None) -> bytes:
    """To everybody, so that the bridge forwards it whatever it has learned."""
    tag = struct.pack(">HH", ETH_P_8021Q, vlan_id) if vlan_id else b""
    return b"\xff" * 6 + b"\x02\0\0\0\0\1" + tag + struct.pack(">H", ETH_P_IP) + packet


def passes(sender: str, receiver: str, link: str, data: bytes, marker: bytes, wait_s: float = 0.15) -> bool:
    """Whether a frame sent on `link` in one namespace arrives on `link` in the other."""

    def listen() -> socket.socket:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        opened.bind((link, 0))
        return opened

    with call_inside(receiver, listen) as ear, call_inside(sender, listen) as mouth:
        mouth.send(data)
        end = time.monotonic() + wait_s
        while (left := end - time.monotonic()) > 0:
            ear.settimeout(left)
            try:
                if marker in ear.recv(65536):
                    return True
            except TimeoutError:
                return False
    return False
