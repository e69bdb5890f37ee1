"""`display device manuinfo`: what the device is, and the serial number that the cloud server must know.

In: a `DeviceIdentity` and a `DeviceReport`. Out: text. Next: whoever typed the command.
"""

from __future__ import annotations

from twinspan.model.device_identity import DeviceIdentity
from twinspan.model.device_report import DeviceReport
from twinspan.wire.comware.display_layout import NONE, hardware_address


def display_device_manuinfo(identity: DeviceIdentity, report: DeviceReport) -> str:
    """One slot: this software knows of no others."""
    macs = (link.mac for link in report.links if link.kind == "ethernet" and link.mac)
    mac = identity.mac or next(macs, None)
    kind = " ".join(filter(None, (identity.platform, identity.module_type)))
    return "\n".join(
        [
            " Slot 1 CPU 0:",
            f" DEVICE_NAME          : {kind}",
            f" DEVICE_SERIAL_NUMBER : {identity.serial}",
            f" MAC_ADDRESS          : {hardware_address(mac) if mac else NONE}",
            f" MANUFACTURING_DATE   : {identity.manufactured or NONE}",
            # The last line: parsers close the record with it.
            f" VENDOR_NAME          : {identity.vendor.replace(' ', '-')}",
        ]
    )
