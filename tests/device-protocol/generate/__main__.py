"""Writes the vectors of the device protocol, independently of the Rust code that they test.

    pip install -r requirements.txt && python generate [folder]

Writes `docs/device-protocol/vectors` and the seeds of `protocol/fuzz`, below the folder where one is named. Everything is
deterministic (RFC 6979 signatures, fixed keys and nonces), so running it again changes nothing. Each sealed message is
also opened with jwcrypto before it is written. `jwe-jwcrypto.json` was made by jwcrypto once, with its own random key
and nonce, and is not written again.
"""

import actions
import approvals
import digests
import evidence
import judged
import plain
import seeds  # and with it all others
