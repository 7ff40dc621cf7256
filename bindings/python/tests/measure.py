"""Prints how long one `approve` takes, with keys and state in memory, against a provider on loopback."""

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


async def measured(provider):
    """Milliseconds of each approval."""
    phone, subject = Phone(provider), provider.new_user()
    account, times = await phone.join(subject), []
    for number in range(WARM_UP + MEASURED):
        provider.ask(subject, f"Number {number}")
        request = await phone.only_request(account)
        request.display()
        before = time.perf_counter()
        outcome = await phone.core.approve(request)
        times.append((time.perf_counter() - before) * 1000)
        assert outcome == Outcome.APPROVED
    return sorted(times[WARM_UP:])


def main():
    provider = Simulator()
    try:
        times = asyncio.run(measured(provider))
    finally:
        provider.close()
    at = {part: times[int(len(times) * part / 100)] for part in (50, 95, 99)}
    print("approve: " + ", ".join(f"p{part} {value:.2f} ms" for part, value in at.items()) + f" of {MEASURED} after {WARM_UP}")


if __name__ == "__main__":
    main()
