"""What an app supplies to device-core, written in Python: key vault, storage, transport, clock."""

import asyncio
import http.client
import time
import urllib.parse

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from assent_device import (
    Clock,
    HttpHeader,
    HttpResponse,
    KeyVault,
    SecureStore,
    Transport,
    TransportError,
    VaultError,
)


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


class HttpTransport(Transport):
    """Plain HTTP; each call in a thread, so that a long poll holds up nothing."""

    def __init__(self):
        self.paths = []
        self.lose_replies_of = None

    async def send(self, request):
        response = await asyncio.to_thread(self._exchange, request)
        if self.lose_replies_of and request.url.endswith(self.lose_replies_of):
            raise TransportError.TimedOut()
        return response

    def _exchange(self, request):
        url = urllib.parse.urlsplit(request.url)
        self.paths.append(url.path)
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=request.timeout_seconds)
        try:
            target = url.path + ("?" + url.query if url.query else "")
            headers = {header.name: header.value for header in request.headers}
            connection.request(request.method, target, request.body, headers)
            reply = connection.getresponse()
            headers = [HttpHeader(name=name, value=value) for name, value in reply.getheaders()]
            return HttpResponse(status=reply.status, headers=headers, body=reply.read())
        except TimeoutError:
            raise TransportError.TimedOut() from None
        except OSError as error:
            raise TransportError.Unreachable(str(error)) from error
        finally:
            connection.close()


class SystemClock(Clock):
    """The machine's clocks."""

    def unix_millis(self):
        return time.time_ns() // 1_000_000

    def monotonic_millis(self):
        return time.monotonic_ns() // 1_000_000
