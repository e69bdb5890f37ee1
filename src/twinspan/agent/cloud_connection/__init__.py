"""The device's end of the cloud connection: whom it trusts, how it dials, what stays up, which services run on it.

In: `DeviceConfig.cloud`, the device's identity, what DHCP brings. Out: one main connection at a time, a sub-connection
per service, `CloudStatus`. The protocol itself is `wire.cloud_connection`. Next: `manager`.
"""
