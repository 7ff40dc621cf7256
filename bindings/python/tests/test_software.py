"""The ports of `assent_device.software`, where a phone's tests do not reach."""

import asyncio
import datetime
import http.server
import ipaddress
import os
import pathlib
import socket
import ssl
import tempfile
import threading
import unittest
import unittest.mock

from assent_device import HttpRequest, LockError, StoreError, TransportError, software
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def request(url, seconds=600):
    return HttpRequest(method="GET", url=url, headers=[], body=b"", timeout_seconds=seconds)


def send(url, seconds=600):
    return asyncio.run(software.HttpTransport().send(request(url, seconds)))


class Answers(http.server.BaseHTTPRequestHandler):
    """/long/N is answered by N bytes, /away by a redirect."""

    def do_GET(self):
        kind, _, number = self.path[1:].partition("/")
        self.send_response(302 if kind == "away" else 200)
        if kind == "away":
            self.send_header("Location", "/long/1")
        self.end_headers()
        if kind == "long":
            self.wfile.write(b"x" * int(number))

    def log_message(self, *arguments):
        pass


def self_signed(folder):
    """A certificate for 127.0.0.1 that nobody trusts, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([]), datetime.datetime.now(datetime.timezone.utc)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(alternative, critical=True).sign(key, hashes.SHA256())
    )
    file = pathlib.Path(folder, "server.pem")
    plain = serialization.NoEncryption()
    encoded = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(encoded + certificate.public_bytes(serialization.Encoding.PEM))
    return file


class Transporting(unittest.TestCase):
    def serve(self, context=None):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}"

    def test_a_body_of_256_kib_is_taken_and_a_longer_one_given_up(self):
        url = self.serve()
        self.assertEqual(len(send(f"{url}/long/{256 * 1024}").body), 256 * 1024)
        with self.assertRaises(TransportError.Unreachable):
            send(f"{url}/long/{256 * 1024 + 1}")

    def test_no_redirect_is_followed(self):
        response = send(self.serve() + "/away")
        self.assertEqual((response.status, response.body), (302, b""))

    def test_a_certificate_that_nobody_trusts_is_told_apart(self):
        with tempfile.TemporaryDirectory() as folder:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self_signed(folder))
            url = self.serve(context)
            with self.assertRaises(TransportError.UntrustedCertificate):
                send(url)
            trusting = software.HttpTransport(ssl.create_default_context(cafile=pathlib.Path(folder, "server.pem")))
            self.assertEqual(asyncio.run(trusting.send(request(url + "/long/1"))).status, 200)

    def test_a_server_that_does_not_answer_and_one_that_is_not_there(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            with self.assertRaises(TransportError.TimedOut):
                send(f"http://127.0.0.1:{port}/", seconds=1)
        with self.assertRaises(TransportError.Unreachable):
            send(f"http://127.0.0.1:{port}/")

    def test_a_call_that_is_cancelled_hangs_up_and_keeps_no_program_from_ending(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            async def cancelled():
                call = asyncio.create_task(software.HttpTransport().send(request(f"http://127.0.0.1:{silent.getsockname()[1]}/")))
                connection, _ = await asyncio.to_thread(silent.accept)
                await asyncio.to_thread(connection.recv, 65536)
                call.cancel()
                return connection

            with asyncio.run(cancelled()) as connection:  # which waits for the call's thread
                connection.settimeout(20)
                self.assertEqual(connection.recv(1), b"")


class Filing(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="assent-software-")
        self.addCleanup(directory.cleanup)
        self.folder = pathlib.Path(directory.name)

    def test_a_lock_that_another_holds_is_held_until_it_is_released(self):
        first, second = (software.FileLock(self.folder / "lock") for _ in range(2))
        asyncio.run(first.acquire())
        with unittest.mock.patch.object(software, "LOCK_SECONDS", 0.1), self.assertRaises(LockError.Held):
            asyncio.run(second.acquire())
        first.release()
        asyncio.run(second.acquire())
        second.release()
        second.release()

    def test_a_name_stays_in_its_folder(self):
        store = software.FileStore(self.folder / "documents")
        for name in ("../escaped", "a/b", "..", ".", "", "%"):
            asyncio.run(store.save(name, name.encode()))
        self.assertEqual([path.name for path in self.folder.iterdir()], ["documents"])
        for name in ("../escaped", "a/b", "..", ".", "", "%"):
            self.assertEqual(asyncio.run(store.load(name)), name.encode(), name)

    def test_a_save_that_fails_leaves_what_was_there(self):
        store = software.FileStore(self.folder / "documents")
        asyncio.run(store.save("state", b"before"))
        with unittest.mock.patch.object(os, "fsync", side_effect=OSError("no room")):
            self.assertRaises(StoreError.Failed, asyncio.run, store.save("state", b"after"))
        self.assertEqual(asyncio.run(store.load("state")), b"before")
        self.assertEqual([path.name for path in (self.folder / "documents").iterdir()], ["state"])


if __name__ == "__main__":
    unittest.main()
