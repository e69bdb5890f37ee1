"""strongSwan's settings and VICI messages for one tunnel, and what it says back.

In: an `IpsecTunnel`, or a VICI message as nested dictionaries. Out: the text of `strongswan.conf`, the sections of
`load-shared` and `load-conn` (what swanctl would make of a swanctl.conf), and a `TunnelStatus` or an `Event`. Next:
`drivers.strongswan` runs one charon per tunnel and exchanges the messages.

ESP runs in user space (kernel-libipsec): the kernel then shows a TUN device, `ipsec0`, that exists while charon runs.
It always carries ESP in UDP (RFC 3948), and its packets are chosen by selector only, hence a charon for each tunnel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twinspan.model.device_config import IpsecTunnel
from twinspan.model.device_report import Event, TunnelStatus

IKE_PORT = 500
RETRANSMIT_TIMEOUT_S = 0.3
RETRANSMIT_TRIES = 3
"""IKEv2 finds a dead peer after `dpd_delay_s` and four times the timeout: 1 s + 1.2 s with the default delay."""
REKEY_MARGIN = 0.1
"""Keys are renewed this share of their lifetime before it ends, so that traffic never waits for it."""
DPD_TIMEOUT_DELAYS = 3
"""IKEv1 (RFC 3706) gives a peer up after so many unanswered delays."""
EVENTS = ("ike-updown", "child-updown")
_PLUGINS = (
    "random nonce aes sha1 sha2 md5 hmac kdf pem pkcs1 x509 pubkey openssl gcm "
    "kernel-libipsec kernel-netlink socket-default vici"
)
"""In this order: kernel-libipsec must come before kernel-netlink to get the ESP part; routes stay with the latter."""
_FIRST_TABLE = 40000

Message = dict[str, Any]


def render_strongswan_conf(tunnel: IpsecTunnel) -> str:
    """`strongswan.conf` of the tunnel's charon; the paths are relative to the directory that it is started in.

    charon insists on a route for its device in a table of its own, and on a rule that looks there before the main
    table. The rule gets a mark that no packet has, and every charon its own table, so that they never matter.
    """
    return f"""charon {{
  load = {_PLUGINS}
  port = {tunnel.ike_port}
  port_nat_t = {tunnel.nat_t_port}
  install_routes = no
  install_virtual_ip = no
  process_route = no
  routing_table = {_FIRST_TABLE + tunnel.nat_t_port}
  retransmit_timeout = {RETRANSMIT_TIMEOUT_S}
  retransmit_base = 1.0
  retransmit_tries = {RETRANSMIT_TRIES}
  make_before_break = yes
  i_dont_care_about_security_and_use_aggressive_mode_psk = {_yes(tunnel.ike_mode == "aggressive")}
  plugins {{
    vici {{
      socket = unix://charon.vici
    }}
    kernel-netlink {{
      fwmark = 0xdead
      roam_events = no
    }}
  }}
  filelog {{
    main {{
      path = charon.log
      time_format = %F %T
      time_add_ms = yes
      default = 1
      net = -1
      append = yes
      flush_line = yes
    }}
  }}
  syslog {{
    daemon {{
      default = -1
    }}
    auth {{
      default = -1
    }}
  }}
}}
"""


def shared_secret(tunnel: IpsecTunnel) -> Message:
    """`load-shared`: IKEv1 main mode looks for the key by address, the others by identity."""
    owners = [tunnel.local_id, tunnel.remote_id, tunnel.local_address, tunnel.remote_address]
    return {"id": tunnel.name, "type": "IKE", "data": tunnel.psk.reveal(), "owners": list(dict.fromkeys(owners))}


def connection(tunnel: IpsecTunnel) -> Message:
    """`load-conn`: the connection and its one child, both with the tunnel's name."""
    restart = "start" if tunnel.initiate else "none"
    margin_s = max(1, round(tunnel.ipsec_lifetime_s * REKEY_MARGIN))
    child = {
        "mode": "tunnel",
        "local_ts": list(tunnel.local_ts),
        "remote_ts": list(tunnel.remote_ts),
        "esp_proposals": [tunnel.esp_proposal],
        "life_time": f"{tunnel.ipsec_lifetime_s}s",
        "rekey_time": f"{tunnel.ipsec_lifetime_s - margin_s}s",
        "rand_time": f"{margin_s // 2}s",
        "dpd_action": "restart" if tunnel.initiate else "clear",
        "close_action": restart,
        "start_action": restart,
    }
    ike_margin_s = max(1, round(tunnel.ike_lifetime_s * REKEY_MARGIN))
    body: Message = {
        "version": tunnel.ike_version.removeprefix("ikev"),
        "aggressive": _yes(tunnel.ike_version == "ikev1" and tunnel.ike_mode == "aggressive"),
        "local_addrs": [tunnel.local_address],
        "remote_addrs": [tunnel.remote_address],
        "proposals": [tunnel.ike_proposal],
        "encap": "yes",
        "mobike": "no",
        "keyingtries": "0",
        "unique": "replace",
        "reauth_time": "0s",
        "rekey_time": f"{tunnel.ike_lifetime_s - ike_margin_s}s",
        "over_time": f"{ike_margin_s}s",
        "dpd_delay": f"{tunnel.dpd_delay_s}s",
        "local": {"auth": "psk", "id": tunnel.local_id},
        "remote": {"auth": "psk", "id": tunnel.remote_id},
        "children": {tunnel.name: child},
    }
    if tunnel.ike_version == "ikev1":
        body["dpd_timeout"] = f"{max(1, tunnel.dpd_delay_s) * DPD_TIMEOUT_DELAYS}s"
    if tunnel.ike_port != IKE_PORT:
        # charon marks a packet as IKE rather than ESP if neither port is 500, so both ends use the NAT-T port at once.
        body |= {"local_port": str(tunnel.nat_t_port), "remote_port": str(tunnel.nat_t_port)}
    return {tunnel.name: body}


def _yes(condition: bool) -> str:
    return "yes" if condition else "no"


# ------------------------------------------------------------------------------------------------------------- answers


def text(message: Any) -> Any:
    """VICI's values are bytes; the same message with text."""
    if isinstance(message, bytes):
        return message.decode(errors="replace")
    if isinstance(message, Mapping):
        return {key: text(value) for key, value in message.items()}
    if isinstance(message, list):
        return [text(item) for item in message]
    return message


def tunnel_status(name: str, device: str | None, sas: list[Message]) -> TunnelStatus:
    """State of the tunnel from the messages of `list-sas`; of several IKE SAs the one that is up counts."""
    mine = [sa[name] for sa in sas if name in sa]
    if not mine:
        return TunnelStatus(name=name, device=device, ike_state="down", child_state="down")
    ike = max(mine, key=lambda sa: sa.get("state") == "ESTABLISHED")
    children = [child for sa in mine for child in sa.get("child-sas", {}).values()]
    child: Message = max(children, key=lambda c: c.get("state") == "INSTALLED", default={})
    return TunnelStatus(
        name=name,
        device=device,
        ike_state=ike.get("state", "down"),
        child_state=child.get("state", "down"),
        bytes_in=sum(int(c.get("bytes-in", 0)) for c in children),
        bytes_out=sum(int(c.get("bytes-out", 0)) for c in children),
        packets_in=sum(int(c.get("packets-in", 0)) for c in children),
        packets_out=sum(int(c.get("packets-out", 0)) for c in children),
        local_address=ike.get("local-host"),
        remote_address=ike.get("remote-host"),
        initiator=ike.get("initiator") == "yes",
        established_s=_seconds(ike, "established"),
        spi_in=child.get("spi-in"),
        spi_out=child.get("spi-out"),
        child_age_s=_seconds(child, "install-time"),
        child_remaining_s=_seconds(child, "life-time"),
        encapsulated=child.get("encap") == "yes",
    )


def _seconds(message: Message, key: str) -> int | None:
    return int(message[key]) if key in message else None


def updown_event(kind: str, message: Message, *, at_ns: int, node: str) -> Event | None:
    """`ike-updown` or `child-updown` as an event; None for messages about no connection of ours."""
    name = next((key for key, value in message.items() if isinstance(value, dict)), None)
    if name is None or kind not in EVENTS:
        return None
    subject = "IKE" if kind == "ike-updown" else "CHILD"
    way = "up" if message.get("up") == "yes" else "down"
    return Event(at_ns=at_ns, node=node, source="ike", what=f"{subject} {way}", detail=name)
