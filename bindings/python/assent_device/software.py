"""What an app brings to `DeviceCore`, for machines without a phone's hardware: tests, CI, a developer's laptop.

Keys are files. Whoever reads them can answer in the user's place, so this is nothing for a user's own approvals.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import http.client
import os
import pathlib
import socket
import ssl
import tempfile
import time
import urllib.parse
from collections.abc import Callable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from . import (
    Clock,
    HttpHeader,
    HttpRequest,
    HttpResponse,
    KeyProtection,
    KeyPurpose,
    KeyVault,
    Lock,
    LockError,
    Ports,
    SecureStore,
    SigningReason,
    StoreError,
    Transport,
    TransportError,
    VaultError,
)

MOST_BODY_BYTES = 256 << 10
"""No reply that the core understands is longer."""

LOCK_SECONDS = 5
"""For how long one process waits for another."""

Consent = Callable[[SigningReason], bool]
"""Asked before a key signs that asks the user on a phone; `False` is a user who dismisses the dialogue."""


class Folder:
    """Files that only their owner reads, replaced whole or not at all."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = pathlib.Path(path)
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def read(self, name: str) -> bytes | None:
        """The content of the file, if there is one."""
        try:
            return self._file(name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Replaces the file; it is on the disk when this returns."""
        target = self._file(name)
        descriptor, temporary = tempfile.mkstemp(dir=self.path, prefix=".new-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            pathlib.Path(temporary).replace(target)
        except BaseException:
            pathlib.Path(temporary).unlink(missing_ok=True)
            raise
        self._sync()

    def remove(self, name: str) -> None:
        """Removes the file, if there is one."""
        self._file(name).unlink(missing_ok=True)
        self._sync()

    def _file(self, name: str) -> pathlib.Path:
        # The core's names are plain; quoting keeps any other inside this folder.
        quoted = urllib.parse.quote(name, safe="")
        if not quoted.strip("."):
            quoted = quoted.replace(".", "%2E") or "%"
        return self.path / quoted

    def _sync(self) -> None:
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class SoftwareVault(KeyVault):
    """P-256 keys in a folder, under a passphrase if there is one."""

    def __init__(
        self, path: str | os.PathLike[str], passphrase: bytes | None = None, consent: Consent | None = None
    ) -> None:
        self._folder = Folder(path)
        self._passphrase = passphrase
        self._consent = consent or (lambda reason: True)

    async def generate(self, alias: str, purpose: KeyPurpose, protection: KeyProtection) -> bytes:
        key = ec.generate_private_key(ec.SECP256R1())
        locked = (
            serialization.BestAvailableEncryption(self._passphrase)
            if self._passphrase
            else serialization.NoEncryption()
        )
        encoded = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
        # What only the platform knows of a key on a phone is known by the file's name here.
        for name in self._names(alias):
            self._folder.remove(name)
        name = f"{alias}.asks" if purpose == KeyPurpose.VERIFIED else alias
        await asyncio.to_thread(self._folder.write, name, encoded)
        return key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )

    async def sign(self, alias: str, message: bytes, reason: SigningReason) -> bytes:
        key, asks = await asyncio.to_thread(self._load, alias)
        if asks and not await asyncio.to_thread(self._consent, reason):
            raise VaultError.UserCancelled()
        return key.sign(message, ec.ECDSA(hashes.SHA256()))

    async def agree(self, alias: str, peer: bytes) -> bytes:
        key, _ = await asyncio.to_thread(self._load, alias)
        return key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), peer))

    async def delete(self, alias: str) -> None:
        for name in self._names(alias):
            await asyncio.to_thread(self._folder.remove, name)

    @staticmethod
    def _names(alias: str) -> tuple[str, str]:
        return alias, f"{alias}.asks"

    def _load(self, alias: str) -> tuple[ec.EllipticCurvePrivateKey, bool]:
        plain, asking = (self._folder.read(name) for name in self._names(alias))
        encoded = asking or plain
        if encoded is None:
            raise VaultError.KeyMissing()
        try:
            key = serialization.load_pem_private_key(encoded, self._passphrase)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # The library's own text could quote what it read.
            raise VaultError.Unavailable("the key file does not open: is it whole, and the passphrase right?") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise VaultError.Unavailable("the key file holds another kind of key")
        return key, asking is not None


class FileStore(SecureStore):
    """Documents in a folder."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._folder = Folder(path)

    async def load(self, name: str) -> bytes | None:
        return await self._guarded(self._folder.read, name)

    async def save(self, name: str, content: bytes) -> None:
        await self._guarded(self._folder.write, name, content)

    async def delete(self, name: str) -> None:
        await self._guarded(self._folder.remove, name)

    @staticmethod
    async def _guarded(call: Callable[..., bytes | None], *arguments: object) -> bytes | None:
        try:
            return await asyncio.to_thread(call, *arguments)
        except OSError as error:
            raise StoreError.Failed(str(error)) from error


class FileLock(Lock):
    """Keeps processes apart that use the same folder."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = pathlib.Path(path)
        self._held: int | None = None

    async def acquire(self) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        gives_up = time.monotonic() + LOCK_SECONDS
        try:
            while True:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                if time.monotonic() > gives_up:
                    raise LockError.Held()
                await asyncio.sleep(0.02)
        except BaseException:
            os.close(descriptor)
            raise
        self._held = descriptor

    def release(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            os.close(held)


class HttpTransport(Transport):
    """HTTP/1.1 with Python's own TLS: no redirects, no cookies, no proxy. Each call has a thread, so that a long poll holds
    up nothing."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context or ssl.create_default_context()

    async def send(self, request: HttpRequest) -> HttpResponse:
        url = urllib.parse.urlsplit(request.url)
        connection = self._connection(url, request.timeout_seconds)
        exchange = asyncio.to_thread(self._exchange, connection, url, request)
        try:
            # Its own limit is one on each step; together they may take no longer, either.
            return await asyncio.wait_for(exchange, request.timeout_seconds + 1)
        except asyncio.TimeoutError:
            raise TransportError.TimedOut() from None
        finally:
            self._hang_up(connection)

    @staticmethod
    def _hang_up(connection: http.client.HTTPConnection) -> None:
        """Ends a call that nobody waits for any more, and with it its thread, which would keep a program from ending."""
        if connection.sock:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _exchange(
        connection: http.client.HTTPConnection, url: urllib.parse.SplitResult, request: HttpRequest
    ) -> HttpResponse:
        try:
            target = url.path + ("?" + url.query if url.query else "")
            headers = {header.name: header.value for header in request.headers}
            connection.request(request.method, target, request.body or None, headers)
            reply = connection.getresponse()
            body = reply.read(MOST_BODY_BYTES + 1)
            if len(body) > MOST_BODY_BYTES:
                raise TransportError.Unreachable("the reply is longer than any of this protocol")
            read = [HttpHeader(name=name, value=value) for name, value in reply.getheaders()]
            return HttpResponse(status=reply.status, headers=read, body=body)
        except ssl.SSLCertVerificationError as error:
            raise TransportError.UntrustedCertificate(error.verify_message) from error
        except TimeoutError:
            raise TransportError.TimedOut() from None
        except (OSError, http.client.HTTPException) as error:
            raise TransportError.Unreachable(str(error)) from error
        finally:
            connection.close()

    def _connection(self, url: urllib.parse.SplitResult, seconds: int) -> http.client.HTTPConnection:
        host = url.hostname or ""
        if url.scheme == "https":
            return http.client.HTTPSConnection(host, url.port, timeout=seconds, context=self._context)
        return http.client.HTTPConnection(host, url.port, timeout=seconds)


class SystemClock(Clock):
    """The machine's clocks."""

    def unix_millis(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_millis(self) -> int:
        return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)) // 1_000_000


def ports(
    path: str | os.PathLike[str],
    *,
    passphrase: bytes | None = None,
    consent: Consent | None = None,
    context: ssl.SSLContext | None = None,
) -> Ports:
    """A whole phone in one folder: keys, documents, and a lock for processes that share it."""
    folder = Folder(path).path
    return Ports(
        vault=SoftwareVault(folder / "keys", passphrase, consent),
        store=FileStore(folder / "documents"),
        transport=HttpTransport(context),
        clock=SystemClock(),
        lock=FileLock(folder / "lock"),
    )
