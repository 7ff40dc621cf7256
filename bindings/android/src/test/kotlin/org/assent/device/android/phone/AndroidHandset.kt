package org.assent.device.android.phone

import java.io.File
import java.util.concurrent.ConcurrentHashMap
import org.assent.device.android.nameOf
import org.assent.device.core.KeyProtection
import org.assent.device.core.KeyPurpose
import org.assent.device.core.KeyVault
import org.assent.device.core.Ports
import org.assent.device.core.VaultException
import org.assent.device.newFolder
import org.assent.device.scenarios.Handset
import org.assent.device.scenarios.Keys

/** A phone that a scenario is played on, with the ports of this library. Several may share the process's key store. */
class AndroidHandset(private val hardware: Hardware) : Handset {
    private val folder = newFolder()
    private val user = User(hardware)
    private val purposes = ConcurrentHashMap<String, KeyPurpose>()

    @Volatile
    private var makesNone = false

    override fun ports(): Ports = phonePorts(hardware, folder, prompter(user)).let { it.copy(vault = Watched(it.vault)) }

    override fun user(consents: Boolean) {
        user.does = if (consents) user::touches else user::goesBack
    }

    override fun keys(state: Keys) {
        makesNone = state == Keys.UNAVAILABLE
        for ((alias, purpose) in purposes) {
            hardware.busy(nameOf(alias), makesNone)
            if (state == Keys.LOST) hardware.lose(nameOf(alias))
            if (state == Keys.INVALIDATED && purpose == KeyPurpose.VERIFIED) hardware.invalidate(nameOf(alias))
        }
        // What says which keys this phone has made is on no other phone.
        if (state == Keys.LOST) File(folder, "verified").deleteRecursively()
    }

    private inner class Watched(private val vault: KeyVault) : KeyVault by vault {
        override suspend fun generate(alias: String, purpose: KeyPurpose, protection: KeyProtection): ByteArray {
            if (makesNone) throw VaultException.Unavailable("none can be made now")
            purposes[alias] = purpose
            return vault.generate(alias, purpose, protection)
        }
    }
}
