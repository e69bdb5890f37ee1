"""IKE of both versions: proposals, keychains, profiles, policies; what a tunnel's two ends agree on and prove.

In: a tunnel of a config. Out: its lines. Every tunnel is written with objects of its own name; shared ones are read as
well. Next: `ike_side.py`, the way back.
"""

from __future__ import annotations

from ipaddress import ip_address

from twinspan.model.device_config import IpsecTunnel
from twinspan.wire.comware.algorithms import CIPHERS, GROUPS, HASHES, comware_words, words_of
from twinspan.wire.comware.command import SYSTEM, Command
from twinspan.wire.comware.writing import Export

_KEY = "{ cipher <cipher:secret:1-512> | simple <simple:secret:1-128> }"
_KEY2 = "{ ciphertext <cipher:secret:1-512> | plaintext <simple:secret:1-128> }"
_ID = "{ address <id:ip> | fqdn <id:str:1-255> | %s <id:str:1-255> }"
_REMOTE_ID = "match remote identity { address <id:ip> [ <mask:masklen> ] | fqdn <id:str:1-255> | %s <id:str:1-255> }"
_DPD = "dpd interval <seconds:int:1-300> [ retry <retry:int:1-60> ] { periodic | on-demand }"
_OWN = "twinspan algorithms <algorithms:str:1-255>"

_PROPOSALS = (
    Command(
        view=SYSTEM,
        id="ike proposal",
        pattern="ike proposal <number:int:1-65535>",
        key=("number",),
        undo=("ike proposal <number:int:1-65535>",),
        opens="ike-proposal",
        prompt="-ike-proposal-{number}",
    ),
    Command(
        view="ike-proposal",
        id="ike cipher",
        pattern=f"encryption-algorithm {words_of(CIPHERS)}",
        undo=("encryption-algorithm",),
    ),
    Command(
        view="ike-proposal",
        id="ike hash",
        pattern="authentication-algorithm { md5 | sha | sha256 | sha384 | sha512 }",
        undo=("authentication-algorithm",),
    ),
    Command(
        view="ike-proposal", id="ike method", pattern="authentication-method pre-share", undo=("authentication-method",)
    ),
    Command(view="ike-proposal", id="ike group", pattern=f"dh {words_of(GROUPS)}", undo=("dh",)),
    Command(
        view="ike-proposal",
        id="ike lifetime",
        pattern="sa duration <seconds:int:60-604800>",
        undo=("sa duration",),
    ),
    Command(view="ike-proposal", id="ike own", pattern=_OWN, undo=("twinspan algorithms",)),
    Command(
        view=SYSTEM,
        id="ikev2 proposal",
        pattern="ikev2 proposal <name:str:1-63>",
        key=("name",),
        undo=("ikev2 proposal <name:str:1-63>",),
        opens="ikev2-proposal",
        prompt="-ikev2-proposal-{name}",
    ),
    Command(view="ikev2-proposal", id="ike cipher", pattern=f"encryption {words_of(CIPHERS)}", undo=("encryption",)),
    Command(view="ikev2-proposal", id="ike hash", pattern=f"integrity {words_of(HASHES)}", undo=("integrity",)),
    Command(view="ikev2-proposal", id="ike prf", pattern=f"prf {words_of(HASHES)}", undo=("prf",)),
    Command(view="ikev2-proposal", id="ike group", pattern=f"dh {words_of(GROUPS)}", undo=("dh",)),
    Command(view="ikev2-proposal", id="ike own", pattern=_OWN, undo=("twinspan algorithms",)),
    Command(
        view=SYSTEM,
        id="ikev2 policy",
        pattern="ikev2 policy <name:str:1-63>",
        key=("name",),
        undo=("ikev2 policy <name:str:1-63>",),
        opens="ikev2-policy",
        prompt="-ikev2-policy-{name}",
    ),
    Command(
        view="ikev2-policy",
        id="ike proposal of",
        pattern="proposal <proposal:str:1-63>",
        undo=("proposal [ <proposal:str:1-63> ]",),
    ),
)

_KEYCHAINS = (
    Command(
        view=SYSTEM,
        id="ike keychain",
        pattern="ike keychain <name:str:1-63>",
        key=("name",),
        undo=("ike keychain <name:str:1-63>",),
        opens="ike-keychain",
        prompt="-ike-keychain-{name}",
    ),
    Command(
        view="ike-keychain",
        id="ike key",
        pattern=f"pre-shared-key address <address:ip> [ <mask:masklen> ] key {_KEY}",
        key=("address",),
        undo=("pre-shared-key address <address:ip> [ <mask:masklen> ]",),
    ),
    Command(
        view=SYSTEM,
        id="ikev2 keychain",
        pattern="ikev2 keychain <name:str:1-63>",
        key=("name",),
        undo=("ikev2 keychain <name:str:1-63>",),
        opens="ikev2-keychain",
        prompt="-ikev2-keychain-{name}",
    ),
    Command(
        view="ikev2-keychain",
        id="ikev2 peer",
        pattern="peer <name:str:1-63>",
        key=("name",),
        undo=("peer <name:str:1-63>",),
        opens="ikev2-peer",
        prompt="-peer-{name}",
    ),
    Command(view="ikev2-peer", id="peer address", pattern="address <address:ip> [ <mask:masklen> ]", undo=("address",)),
    Command(view="ikev2-peer", id="peer identity", pattern=f"identity {_ID % 'email'}", undo=("identity",)),
    Command(view="ikev2-peer", id="ike key", pattern=f"pre-shared-key {_KEY2}", undo=("pre-shared-key",)),
)


def _profile_commands(version: str, email: str) -> tuple[Command, ...]:
    view = f"{version}-profile"
    return (
        Command(
            view=SYSTEM,
            id=f"{version} profile",
            pattern=f"{version} profile <name:str:1-63>",
            key=("name",),
            undo=(f"{version} profile <name:str:1-63>",),
            opens=view,
            prompt=f"-{view}-{{name}}",
        ),
        Command(view=view, id="ike keychain of", pattern="keychain <keychain:str:1-63>", undo=("keychain",)),
        Command(
            view=view,
            id="ike local",
            pattern=f"{'identity local' if version == 'ikev2' else 'local-identity'} {_ID % email}",
            undo=("identity local" if version == "ikev2" else "local-identity",),
        ),
        Command(view=view, id="ike remote", pattern=_REMOTE_ID % email, undo=("match remote identity",)),
        Command(view=view, id="ike dpd", pattern=_DPD, undo=("dpd [ interval ]",)),
    )


_PROFILES = (
    *_profile_commands("ike", "user-fqdn"),
    Command(view="ike-profile", id="ike mode", pattern="exchange-mode { main | aggressive }", undo=("exchange-mode",)),
    Command(view="ike-profile", id="ike proposal of", pattern="proposal <proposal:int:1-65535>", undo=("proposal",)),
    *_profile_commands("ikev2", "email"),
    Command(
        view="ikev2-profile",
        id="ikev2 method local",
        pattern="authentication-method local pre-share",
        undo=("authentication-method local",),
    ),
    Command(
        view="ikev2-profile",
        id="ikev2 method remote",
        pattern="authentication-method remote pre-share",
        undo=("authentication-method remote",),
    ),
    Command(
        view="ikev2-profile", id="ike lifetime", pattern="sa duration <seconds:int:60-604800>", undo=("sa duration",)
    ),
)

COMMANDS = (*_PROPOSALS, *_KEYCHAINS, *_PROFILES)


def write_ike(tunnel: IpsecTunnel, number: int, export: Export) -> list[str]:
    """The IKE objects of one tunnel, named after it; IKEv1 proposals have numbers instead."""
    if tunnel.ike_version == "ikev2":
        return _write_v2(tunnel, export)
    name, words = export.word(tunnel.name), comware_words(tunnel.ike_proposal)
    lines = [f"ike proposal {number}", "authentication-method pre-share"]
    if words is None or words.group is None:
        lines.append(f"twinspan algorithms {export.word(tunnel.ike_proposal)}")
    else:
        hash_ = "sha" if words.hash == "sha1" else words.hash
        lines += [f"encryption-algorithm {words.cipher}", f"authentication-algorithm {hash_}", f"dh {words.group}"]
    return [
        *lines,
        f"sa duration {tunnel.ike_lifetime_s}",
        f"ike keychain {name}",
        f"pre-shared-key address {tunnel.remote_address} {_host_mask(tunnel.remote_address)} "
        f"key cipher {export.secret(tunnel.psk)}",
        f"ike profile {name}",
        f"keychain {name}",
        f"exchange-mode {tunnel.ike_mode}",
        f"local-identity {_identity(tunnel.local_id, 'user-fqdn', export)}",
        f"match remote identity {_identity(tunnel.remote_id, 'user-fqdn', export, mask=True)}",
        f"proposal {number}",
        *_dpd(tunnel),
    ]


def _write_v2(tunnel: IpsecTunnel, export: Export) -> list[str]:
    name, words = export.word(tunnel.name), comware_words(tunnel.ike_proposal)
    lines = [f"ikev2 proposal {name}"]
    if words is None or words.group is None:
        lines.append(f"twinspan algorithms {export.word(tunnel.ike_proposal)}")
    else:
        lines += [f"encryption {words.cipher}", f"integrity {words.hash}", f"prf {words.hash}", f"dh {words.group}"]
    if tunnel.ike_mode != "main":
        export.skip(f"the tunnel {tunnel.name}: IKEv2 has no {tunnel.ike_mode} mode")
    return [
        *lines,
        f"ikev2 policy {name}",
        f"proposal {name}",
        f"ikev2 keychain {name}",
        f"peer {name}",
        f"address {tunnel.remote_address} {_host_mask(tunnel.remote_address)}",
        f"identity {_identity(tunnel.remote_id, 'email', export)}",
        f"pre-shared-key ciphertext {export.secret(tunnel.psk)}",
        f"ikev2 profile {name}",
        "authentication-method local pre-share",
        "authentication-method remote pre-share",
        f"keychain {name}",
        f"identity local {_identity(tunnel.local_id, 'email', export)}",
        f"match remote identity {_identity(tunnel.remote_id, 'email', export, mask=True)}",
        f"sa duration {tunnel.ike_lifetime_s}",
        *_dpd(tunnel),
    ]


def _dpd(tunnel: IpsecTunnel) -> list[str]:
    return [f"dpd interval {tunnel.dpd_delay_s} periodic"] if tunnel.dpd_delay_s else []


def _host_mask(address: str) -> str:
    return "" if ":" in address else "32"


def _identity(identity: str, email: str, export: Export, *, mask: bool = False) -> str:
    try:
        address = str(ip_address(identity))
    except ValueError:
        return f"{email if '@' in identity else 'fqdn'} {export.word(identity)}"
    if address != identity:
        return f"fqdn {export.word(identity)}"
    return f"address {identity}" + (f" {_host_mask(identity)}" if mask else "")
