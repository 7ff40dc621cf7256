"""One app on one phone, with ports of the tests' own."""

import base64
import contextlib
import io
import json

from assent_device import DeviceCore, DeviceInfo, EnrolmentState, Ports, PushTarget, Settings
from ports import HttpTransport, MemoryStore, SoftwareVault, SystemClock

INFO = DeviceInfo(name="Anna's phone", model="Python", os="any", app_id="org.example.app", app_version="1.0")


class Phone:
    """One app on one phone. `core` dies with `restart`, the ports do not."""

    def __init__(self, provider, issuers=None, **more):
        self.provider, self.more = provider, more
        self.vault, self.store = SoftwareVault(), MemoryStore()
        self.transport, self.clock = HttpTransport(), SystemClock()
        self.settings = Settings(issuers=[self.provider.issuer] if issuers is None else issuers, development=True)
        self.restart()

    def restart(self):
        ports = Ports(vault=self.vault, store=self.store, transport=self.transport, clock=self.clock, **self.more)
        self.core = DeviceCore(self.settings, ports)

    async def enrol(self, subject):
        return await self.core.enrol(self.provider.ticket(subject), INFO, PushTarget.NONE())

    async def join(self, subject):
        """Enrols and has the digits typed; returns the account."""
        enrolment = await self.enrol(subject)
        self.provider.type_digits(enrolment.account(), enrolment.digits())
        assert await enrolment.refresh() == EnrolmentState.ACTIVE
        return enrolment.account()

    async def only_request(self, account):
        (request,) = await self.core.pending(account, 5)
        return request


def claims(token):
    """The payload of a JWT, unverified: other suites verify it."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


@contextlib.contextmanager
def quietly():
    """What a port did not foresee is logged with its trace, which nobody set up to go elsewhere than here."""
    with contextlib.redirect_stderr(io.StringIO()) as printed:
        yield printed
