"""Makes whoever opens a shell beside a lab's cloud server somebody whom that server knows.

In: a lab. Out: environment variables with which `twinspan` speaks to that server, logged in, and the cloud's own SDKs
sign their requests. In a blank lab that is its account, whose resources make it; else the administrator. Next:
`lab.py`.
"""

from __future__ import annotations

import msgspec

from twinspan.cli.known_servers import KnownServer
from twinspan.lab.cloud import PORT, SERVER, SERVER_ADDRESS
from twinspan.lab.lab import Lab
from twinspan.lab.state import write_private
from twinspan.model.errors import Unavailable
from twinspan.model.secret import Secret, encode_hook


def server_access(lab: Lab) -> dict[str, str]:
    """For a shell in the server's namespace. Raises Unavailable if the server has never started."""
    part = lab.paths.part(SERVER)
    authority_file = part / "state" / "authority.pem"
    try:
        token = Secret(
            (part / ("account-token" if lab.state.blank else "administrator-token")).read_text("ascii").strip()
        )
        key_id, key_secret = (part / "access-key").read_text("ascii").split()
        authority = authority_file.read_text("ascii")
    except OSError as error:
        raise Unavailable(
            f"the cloud server of lab {lab.name} has not started yet: {error.filename} is missing",
            remedy=f"read {part / 'agent.log'}",
        ) from error
    known = {f"{SERVER_ADDRESS}:{PORT}": KnownServer(authorities=(authority,), fingerprint="", token=token)}
    folder = part / "config" / "twinspan"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(folder / "servers.json", msgspec.json.encode(known, enc_hook=encode_hook))
    return {
        "XDG_CONFIG_HOME": str(folder.parent),
        "TWINSPAN_SERVER": SERVER_ADDRESS,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": key_secret,
        "CLOUD_ENDPOINT": f"{SERVER_ADDRESS}:{PORT}",
        "CLOUD_CA": str(authority_file),
    }
