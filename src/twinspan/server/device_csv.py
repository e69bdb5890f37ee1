"""Many devices at once, from a CSV file (RFC 4180).

In: text with a header line that names the columns serial, platform, module_type, owner, password, token, tags in any
order, of which only serial must be there. Out: `NewDevice` values with their lines, or every fault. A password or token
that says "new", and a row with neither, has one made. Next: `registry.py`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from twinspan.model.secret import Secret
from twinspan.server.registry import Fault, NewDevice
from twinspan.server.store import Credential

COLUMNS = ("serial", "platform", "module_type", "owner", "password", "token", "tags")
MAX_ROWS = 20_000
"""Of one file: the passwords of more take longer than anybody waits."""
MADE = "new"


def read_devices(data: bytes) -> tuple[list[NewDevice], list[Fault]]:
    """The rows, and what is wrong with the file as such. With faults nothing must be done."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return [], [Fault(field="file", problem="it is no UTF-8 text", remedy="save it as UTF-8", line=line)]
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        return _read((reader.line_num, [value.strip() for value in row]) for row in reader)
    except csv.Error as error:
        remedy = "quote values as RFC 4180 does"
        return [], [Fault(field="file", problem=f"it is no CSV: {error}", remedy=remedy, line=reader.line_num)]


def _read(rows: Iterator[tuple[int, list[str]]]) -> tuple[list[NewDevice], list[Fault]]:
    header = [name.lower() for name in next(rows, (1, list[str]()))[1]]
    faults = _header_faults(header)
    devices: list[NewDevice] = []
    for line, row in () if faults else rows:
        if not any(row):
            continue
        if len(row) != len(header):
            problem = f"the row has {len(row)} values, the header {len(header)}"
            faults.append(Fault(field="row", problem=problem, remedy="give every column a value", line=line))
            continue
        device = _device(dict(zip(header, row, strict=True)), line)
        if isinstance(device, Fault):
            faults.append(device)
        elif len(devices) == MAX_ROWS:
            remedy = f"split it into files of {MAX_ROWS}"
            faults.append(Fault(field="file", problem="it has too many rows", remedy=remedy, line=line))
            break
        else:
            devices.append(device)
    if not devices and not faults:
        faults.append(
            Fault(field="file", problem="it has no devices", remedy="write one row for each below the header")
        )
    return devices, faults


def _header_faults(header: list[str]) -> list[Fault]:
    known = f"the first line names the columns: {','.join(COLUMNS)}"
    unknown = [name for name in header if name not in COLUMNS]
    if unknown:
        return [Fault(field="header", problem=f"there is no column {ascii(unknown[0])[:60]}", remedy=known, line=1)]
    if len(set(header)) != len(header):
        return [Fault(field="header", problem="a column is named twice", remedy=known, line=1)]
    if "serial" not in header:
        return [Fault(field="header", problem="the column serial is missing", remedy=known, line=1)]
    return []


def _device(row: dict[str, str], line: int) -> NewDevice | Fault:
    password, token = row.get("password", ""), row.get("token", "")
    if password and token:
        return Fault(
            field="token", problem="there is a password and a token", remedy="give one of them", line=line,
            serial=row["serial"][:64],
        )  # fmt: skip
    kind: Credential = "token" if token else "password"
    chosen = token or password
    return NewDevice(
        serial=row["serial"],
        platform=row.get("platform", ""),
        module_type=row.get("module_type", ""),
        owner=row.get("owner", ""),
        credential=kind,
        password=Secret(chosen) if chosen and chosen != MADE else None,
        tags=tuple(row.get("tags", "").replace(";", " ").split()),
        line=line,
    )
