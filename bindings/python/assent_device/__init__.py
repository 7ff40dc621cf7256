"""The phone side of Assent: everything of `device-core`, and ports for machines without a phone's hardware.

`DeviceCore` is all there is to call; `assent_device.software` has keys, storage and transport in software.
"""

from .device_core.device_core import *  # noqa: F403
from .device_core.device_core import __all__  # noqa: F401
