package org.assent.device.android.phone

import java.security.Provider
import java.security.Security

/**
 * A provider "AndroidKeyStore" on the JVM, with cryptography of the JDK. It refuses what the one on phones refuses: keys go
 * neither in nor out, an operation that needs the user signs nothing without the dialogue's word on that operation, and no
 * key does what it was not made for.
 */
object AndroidKeyStore : Provider("AndroidKeyStore", "1", "A phone's key store, for tests") {
    /** The phone that this process is on. */
    @Volatile
    var hardware = Hardware()
        private set

    init {
        offer("KeyStore", "AndroidKeyStore") { KeyFolder() }
        offer("KeyPairGenerator", "EC") { PairGenerator() }
        offer("KeyGenerator", "AES") { SecretGenerator() }
        offer("KeyFactory", "EC") { KeyDescriber() }
        offer("Signature", "SHA256withECDSA") { SignatureOperation() }
        offer("KeyAgreement", "ECDH") { AgreementOperation() }
        offer("Cipher", "AES/GCM/NoPadding") { CipherOperation() }
    }

    /** Another phone, with no keys. */
    fun on(hardware: Hardware): Hardware {
        if (Security.getProvider(name) == null) Security.addProvider(this)
        this.hardware = hardware
        return hardware
    }

    private fun offer(type: String, algorithm: String, make: () -> Any) {
        putService(object : Service(this, type, algorithm, "made here", null, null) {
            override fun newInstance(parameter: Any?): Any = make()
        })
    }

    private fun readResolve(): Any = AndroidKeyStore
}
