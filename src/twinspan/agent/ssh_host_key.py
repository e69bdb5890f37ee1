"""The node's SSH host key: ed25519, made at its first use, 0600 in the node's directory.

In: the directory. Out: the key. Next: `agent.ssh_server`.
"""

from __future__ import annotations

import os
from pathlib import Path

import asyncssh

KEY_FILE = "ssh_host_ed25519_key"


def load_host_key(node_dir: Path) -> asyncssh.SSHKey:
    """A damaged file is set aside: people will be asked about the new key, and that is right."""
    path = node_dir / KEY_FILE
    try:
        return asyncssh.import_private_key(path.read_bytes())
    except FileNotFoundError:
        return _new_key(path)
    except (asyncssh.KeyImportError, ValueError):
        path.replace(path.with_name(KEY_FILE + ".broken"))
        return _new_key(path)


def _new_key(path: Path) -> asyncssh.SSHKey:
    key = asyncssh.generate_private_key("ssh-ed25519")
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.export_private_key())
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return key
