package org.assent.device

import java.util.concurrent.ConcurrentHashMap
import org.assent.device.core.KeyProtection
import org.assent.device.core.KeyPurpose
import org.assent.device.core.KeyVault
import org.assent.device.core.Ports
import org.assent.device.core.SigningReason
import org.assent.device.core.VaultException
import org.assent.device.scenarios.Handset
import org.assent.device.scenarios.Keys
import org.assent.device.software.softwarePorts

/** A phone whose ports are those in software, with files in a folder of its own. */
class SoftwareHandset : Handset {
    private val folder = newFolder()
    private val purposes = ConcurrentHashMap<String, KeyPurpose>()
    private val broken = ConcurrentHashMap<String, VaultException>()

    @Volatile
    private var consents = true

    @Volatile
    private var unavailable = false

    override fun ports(): Ports {
        val ports = softwarePorts(folder) { consents }
        return ports.copy(vault = Perishable(ports.vault))
    }

    override fun user(consents: Boolean) {
        this.consents = consents
    }

    override fun keys(state: Keys) {
        unavailable = state == Keys.UNAVAILABLE
        for ((alias, purpose) in purposes) {
            if (state == Keys.LOST) broken[alias] = VaultException.KeyMissing()
            if (state == Keys.INVALIDATED && purpose == KeyPurpose.VERIFIED) broken[alias] = VaultException.KeyInvalidated()
        }
    }

    /** Keys that the phone can take away; those made after that work. */
    private inner class Perishable(private val vault: KeyVault) : KeyVault by vault {
        override suspend fun generate(alias: String, purpose: KeyPurpose, protection: KeyProtection): ByteArray {
            if (unavailable) throw VaultException.Unavailable("none can be made now")
            purposes[alias] = purpose
            return vault.generate(alias, purpose, protection)
        }

        override suspend fun sign(alias: String, message: ByteArray, reason: SigningReason): ByteArray {
            check(alias)
            return vault.sign(alias, message, reason)
        }

        override suspend fun agree(alias: String, peer: ByteArray): ByteArray {
            check(alias)
            return vault.agree(alias, peer)
        }

        private fun check(alias: String) {
            broken[alias]?.let { throw it }
            if (unavailable) throw VaultException.Unavailable("none can be used now")
        }
    }
}
