"""Prints how long one `approve` takes, with keys and state in memory, against a provider on loopback; and
how much of it is neither key vault nor network, and therefore the library's and the binding's."""

import asyncio
import json
import os
import subprocess
import time

from assent_device import Outcome
from phones import Phone
from provider import Provider

WARM_UP, MEASURED = 100, 500


class Simulator(Provider):
    """The provider of the demo, which lets a user be asked as often as one likes."""

    def __init__(self):
        self.process = subprocess.Popen(
            [os.environ["SIMULATOR"], "--describe", "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        described = json.loads(self.process.stdout.readline())
        self.issuer, self.users = described["issuer"], 0
        self.admin_url, self.token = described["admin"]["url"], described["admin"]["token"]
        self.client = self.admin("POST", "/clients", {"client_name": "Measured Bank", "scope": "openid"})

    def close(self):
        self.process.terminate()
        self.process.wait(30)


class Watch:
    """Adds up what a port's calls take."""

    def __init__(self, port, name):
        self.seconds, inner = 0.0, getattr(port, name)

        async def watched(*arguments):
            before = time.perf_counter()
            try:
                return await inner(*arguments)
            finally:
                self.seconds += time.perf_counter() - before

        setattr(port, name, watched)


async def measured(provider):
    """Milliseconds of each approval: as a whole, and without key vault and network."""
    phone, subject = Phone(provider), provider.new_user()
    ports = [Watch(phone.vault, "sign"), Watch(phone.transport, "send")]
    account, whole, alone = await phone.join(subject), [], []
    for number in range(WARM_UP + MEASURED):
        provider.ask(subject, f"Number {number}")
        request = await phone.only_request(account)
        request.display()
        before, of_ports = time.perf_counter(), sum(port.seconds for port in ports)
        outcome = await phone.core.approve(request)
        took = time.perf_counter() - before
        whole.append(took * 1000)
        alone.append((took - sum(port.seconds for port in ports) + of_ports) * 1000)
        assert outcome == Outcome.APPROVED
    return sorted(whole[WARM_UP:]), sorted(alone[WARM_UP:])


def told(what, times):
    return f"{what}: " + ", ".join(f"p{part} {times[len(times) * part // 100]:.2f} ms" for part in (50, 95, 99))


def main():
    provider = Simulator()
    try:
        whole, alone = asyncio.run(measured(provider))
    finally:
        provider.close()
    print(told("approve", whole))
    print(told("without key vault and network", alone) + f"; {MEASURED} after {WARM_UP}")


if __name__ == "__main__":
    main()
