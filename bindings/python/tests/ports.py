"""What an app supplies to device-core, written in Python: key vault, storage, transport, clock."""

import time
import urllib.parse

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from assent_device import Clock, KeyVault, SecureStore, TransportError, VaultError, software


class SoftwareVault(KeyVault):
    """Keys in memory. Gives DER signatures, as Android Keystore and Secure Enclave do."""

    def __init__(self):
        self.keys = {}
        self.reasons = []
        self.fails = None  # called with the alias before each signature

    def _key(self, alias):
        try:
            return self.keys[alias]
        except KeyError:
            raise VaultError.KeyMissing() from None

    async def generate(self, alias, purpose, protection):
        key = self.keys[alias] = ec.generate_private_key(ec.SECP256R1())
        return key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )

    async def sign(self, alias, message, reason):
        if self.fails:
            self.fails(alias)
        self.reasons.append(reason)
        return self._key(alias).sign(message, ec.ECDSA(hashes.SHA256()))

    async def agree(self, alias, peer):
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), peer)
        return self._key(alias).exchange(ec.ECDH(), key)

    async def delete(self, alias):
        self.keys.pop(alias, None)


class MemoryStore(SecureStore):
    """Documents that outlive one DeviceCore."""

    def __init__(self):
        self.documents = {}

    async def load(self, name):
        return self.documents.get(name)

    async def save(self, name, content):
        self.documents[name] = content

    async def delete(self, name):
        self.documents.pop(name, None)


class HttpTransport(software.HttpTransport):
    """Remembers the paths that were called, and loses replies if told to."""

    def __init__(self):
        super().__init__()
        self.paths = []
        self.lose_replies_of = None

    async def send(self, request):
        self.paths.append(urllib.parse.urlsplit(request.url).path)
        response = await super().send(request)
        if self.lose_replies_of and request.url.endswith(self.lose_replies_of):
            raise TransportError.TimedOut()
        return response


class SystemClock(Clock):
    """The machine's clocks."""

    def unix_millis(self):
        return time.time_ns() // 1_000_000

    def monotonic_millis(self):
        return time.monotonic_ns() // 1_000_000
