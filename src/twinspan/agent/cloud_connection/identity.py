"""Who this device is: its serial number and hardware, from a file, the firmware, or the machine's own id.

In: the node's directory. Out: `DeviceIdentity`. Next: `manager`.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import msgspec

from twinspan.model.device_identity import DeviceIdentity

FILE_NAME = "identity.json"
"""In the node's directory; whoever builds or images devices puts it there."""
_DMI_SERIAL = Path("/sys/class/dmi/id/product_serial")
_MACHINE_ID = Path("/etc/machine-id")
_SERIAL = re.compile(r"[A-Za-z0-9._-]{4,64}")


def load_identity(node_dir: Path, node: str) -> DeviceIdentity:
    """From `identity.json`, else the firmware's serial number, else one made from the machine's id and the node."""
    try:
        return msgspec.json.decode((node_dir / FILE_NAME).read_bytes(), type=DeviceIdentity)
    except (OSError, msgspec.DecodeError):
        pass
    serial = _read(_DMI_SERIAL)
    if not _SERIAL.fullmatch(serial) or serial.lower() in ("none", "default"):
        seed = f"{_read(_MACHINE_ID) or node_dir}:{node}"
        serial = "TS" + hashlib.sha256(seed.encode()).hexdigest()[:14].upper()
    return DeviceIdentity(serial=serial)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
