"""The phone side of Assent: everything of `device-core`, and ports for machines without a phone's hardware.

`DeviceCore` is all there is to call; `requests` tells what waits for an answer; `assent_device.software` has keys, storage and
transport in software.
"""

from .device_core import *  # noqa: F403
from .mend import mend
from .waiting import requests as requests, retry_after as retry_after

mend()
del mend
