package org.assent.device.software

import java.io.File
import org.assent.device.HttpTransport
import org.assent.device.core.Ports
import org.assent.device.core.SigningReason

/**
 * All that a core needs, in software: for desktops, tests and a first look. State and keys are files in [folder] that only
 * their owner can read; several processes may use the same.
 *
 * @param consent asked before a key signs that asks the user on a phone; `false` is a user who dismisses the dialogue.
 */
public fun softwarePorts(folder: File, consent: suspend (SigningReason) -> Boolean = { true }): Ports = Ports(
    vault = SoftwareKeyVault(FileStore(File(folder, "keys")), consent),
    store = FileStore(File(folder, "state")),
    transport = HttpTransport(),
    clock = SystemClock(),
    lock = FileLock(File(folder, "lock")),
)
