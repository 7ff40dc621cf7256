"""A proxy on loopback that can keep calls from the server."""

import socket
import socketserver
import threading

from provider import free_ports


class Proxy(socketserver.ThreadingTCPServer):
    """Passes one call a connection on to `server`, and remembers it: path and body. One whose path ends with `withheld` goes
    nowhere."""

    allow_reuse_address = daemon_threads = True

    def __init__(self):
        (port,) = free_ports(1)
        super().__init__(("127.0.0.1", port), Connection)
        self.url = f"http://127.0.0.1:{port}"
        self.server, self.withheld, self.reached, self.calls = None, None, threading.Event(), []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()

    def bodies(self, end):
        """Of all calls whose path ends so."""
        return [body for path, body in self.calls if path.endswith(end)]


class Connection(socketserver.StreamRequestHandler):
    def handle(self):
        head = []
        while not head or head[-1] not in (b"\r\n", b""):
            head.append(self.rfile.readline())
        length = next((int(line.split(b":")[1]) for line in head if line.lower().startswith(b"content-length:")), 0)
        body, path = self.rfile.read(length), head[0].split()[1].decode()
        self.server.calls.append((path, body))
        if self.server.withheld and path.endswith(self.server.withheld):
            self.server.reached.set()
            self.rfile.read(1)  # until whoever called is gone
            return
        head.insert(1, b"Connection: close\r\n")
        with socket.create_connection(self.server.server) as upstream:
            upstream.sendall(b"".join(head) + body)
            while part := upstream.recv(65536):
                self.wfile.write(part)
