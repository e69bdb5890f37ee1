"""The lab's cloud server: one worker of `twinspan.server`, with every managed node added before its first start.

In: its directory in the lab. Out: it serves until SIGTERM; the administrator's token lies beside its state. A start
after a kill finds what the one before has made. Next: `server.run`.
"""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from twinspan.lab.cloud import ACCOUNT, DOMAIN, PORT, SERVER_ADDRESS, Managed, load_managed
from twinspan.lab.state import LabPaths, write_private
from twinspan.model.config_digest import config_digest
from twinspan.model.secret import encode_hook
from twinspan.server.accounts import Accounts, Principal
from twinspan.server.authority import CURRENT, create_authority
from twinspan.server.config_store import ConfigTable
from twinspan.server.registry import NewDevice, Registry, make_credentials
from twinspan.server.resources.access import AccessKeyTable, NewAccessKey
from twinspan.server.resources.seal import FILE_NAME as SEAL_KEY
from twinspan.server.resources.seal import SealKey
from twinspan.server.run import run_server
from twinspan.server.services import WantedConfig
from twinspan.server.store import FILE_NAME, DeviceStore
from twinspan.server.worker import ServerOptions

STATE_DIR, TOKEN = "state", "administrator-token"
ACCOUNT_TOKEN, ACCESS_KEY = "account-token", "access-key"
"""The same for the account: its token, and id and secret of its access key."""
_ADMINISTRATOR = Principal(label="lab", account=None)


def serve(part_dir: Path) -> int:
    """Becomes the server."""
    state_dir = part_dir / STATE_DIR
    lab_dir = part_dir.parent.parent
    prepare(state_dir, load_managed(LabPaths(lab_dir.name, lab_dir.parent.parent)))
    run_server(ServerOptions(state_dir=state_dir, listen=("0.0.0.0",), port=PORT, public=DOMAIN), lambda: None)
    return 0


def prepare(state_dir: Path, managed: dict[str, Managed]) -> None:
    """Authority, account, devices and their configs: what of them is not there yet."""
    if not (state_dir / f"{CURRENT}.pem").exists():
        create_authority(state_dir, (DOMAIN, SERVER_ADDRESS), time.time_ns())
    store = DeviceStore(state_dir / FILE_NAME, SealKey.load_or_create(state_dir / SEAL_KEY))
    try:
        _add(store, state_dir, managed)
    finally:
        store.close()


def _add(store: DeviceStore, state_dir: Path, managed: dict[str, Managed]) -> None:
    accounts, table, now_ns = Accounts(store), ConfigTable(store), time.time_ns()
    token = state_dir.parent / TOKEN
    if not token.exists():
        write_private(token, f"{accounts.renew_administrator(now_ns).reveal()}\n".encode())
    if ACCOUNT not in accounts.names():
        own = accounts.add(ACCOUNT, "whoever made this lab", now_ns)
        write_private(state_dir.parent / ACCOUNT_TOKEN, f"{own.reveal()}\n".encode())
    if not (state_dir.parent / ACCESS_KEY).exists():
        # Who makes a lab is the cloud's provider as well: enabling a circuit is theirs.
        wish = NewAccessKey(account=ACCOUNT, label=ACCOUNT, role="administrator")
        key_id, secret = AccessKeyTable(store, SealKey.load_or_create(state_dir / SEAL_KEY)).add(wish, now_ns)
        write_private(state_dir.parent / ACCESS_KEY, f"{key_id}\n{secret.reveal()}\n".encode())
    absent = [one for one in managed.values() if store.find(one.serial) is None]
    devices = [NewDevice(serial=one.serial, owner=ACCOUNT, password=one.password) for one in absent]
    if devices:
        Registry(store).add(devices, make_credentials(devices, now_ns), _ADMINISTRATOR, now_ns)
    for one in managed.values():
        if table.wanted(one.serial) is None:
            table.want(one.serial, wanted(one))


def wanted(one: Managed) -> WantedConfig:
    """A node's config as the server keeps it."""
    config = msgspec.json.encode(one.config, enc_hook=encode_hook)
    return WantedConfig(generation=one.config.generation, digest=config_digest(one.config), config=config)
