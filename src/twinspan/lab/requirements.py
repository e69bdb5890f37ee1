"""What a machine must offer before a lab is begun: everything that is missing, said at once with the way out.

In: the deployment (a site without a VPN needs no IKE daemon). Out: nothing, or `Unavailable`. Next: `up.py`.
"""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path

from twinspan.model.deployment import Deployment
from twinspan.model.errors import Unavailable

MIN_FREE_BYTES = 32 << 20
"""Configs, sockets and bounded logs of nine nodes stay below this."""
SEARCH_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/bin:/bin"
CHARON = Path("/usr/lib/ipsec/charon")
PLUGINS = Path("/usr/lib/ipsec/plugins")
CLONE_NEWNET = 0x40000000


def require(deployment: Deployment, run_dir: Path, *, cloud: bool = False) -> None:
    """Raises Unavailable, naming every lack and the remedy of the first that must be dealt with."""
    require_root()
    packages = missing_packages(deployment, cloud=cloud)
    if packages:
        names = ", ".join(sorted(packages))
        raise Unavailable(
            f"programs are missing: {', '.join(sorted(program for group in packages.values() for program in group))}",
            remedy=f"install them: apt-get install --no-install-recommends {names.replace(',', '')}",
        )
    _require_namespaces()
    if any(config.tunnels for config in deployment.configs.values()) and not Path("/dev/net/tun").exists():
        raise Unavailable("/dev/net/tun is missing", remedy="load the tun module: modprobe tun")
    require_space(run_dir)


def require_root() -> None:
    """Raises Unavailable for anybody but root."""
    if os.geteuid() != 0:
        raise Unavailable("a lab makes network namespaces, which needs root", remedy="run the same command with sudo")


def missing_packages(deployment: Deployment, *, cloud: bool = False) -> dict[str, list[str]]:
    """Debian package to the programs of it that are not here. With `cloud` something hands out addresses as well."""
    configs = deployment.configs.values()
    needed = [("iproute2", "ip"), ("nftables", "nft")]
    if any(config.bgp for config in configs):
        needed += [("bird2", "bird"), ("bird2", "birdc")]
    if cloud or any(config.dns or config.dhcp for config in configs):
        needed.append(("dnsmasq-base", "dnsmasq"))
    lacks: dict[str, list[str]] = {}
    for package, program in needed:
        if shutil.which(program, path=SEARCH_PATH) is None:
            lacks.setdefault(package, []).append(program)
    if any(config.tunnels for config in configs):
        for package, file in (
            ("strongswan-charon", CHARON),
            ("libcharon-extra-plugins", PLUGINS / "libstrongswan-kernel-libipsec.so"),
            ("strongswan-swanctl", PLUGINS / "libstrongswan-vici.so"),
            ("libstrongswan-standard-plugins", PLUGINS / "libstrongswan-openssl.so"),
        ):
            if not file.exists():
                lacks.setdefault(package, []).append(file.name)
    return lacks


def _require_namespaces() -> None:
    """Tries it in a child, so that this process stays where it is."""
    libc = ctypes.CDLL(None, use_errno=True)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if libc.unshare(CLONE_NEWNET) == 0 else 1)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
        raise Unavailable(
            "this kernel or container does not allow network namespaces",
            remedy="use a virtual machine, or give the container CAP_SYS_ADMIN and CAP_NET_ADMIN",
        )


def require_space(run_dir: Path, min_bytes: int = MIN_FREE_BYTES) -> None:
    """Raises Unavailable if the run directory could fill up while a lab is being made."""
    folder = next(path for path in (run_dir, *run_dir.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    if free < min_bytes:
        raise Unavailable(
            f"{folder} has {free >> 20} MiB free, a lab needs {min_bytes >> 20} MiB",
            remedy="free some space there, or take labs down that nobody needs: twinspan lab list",
        )
