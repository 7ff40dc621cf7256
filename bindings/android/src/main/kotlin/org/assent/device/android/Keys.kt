package org.assent.device.android

import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import java.security.Key
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.KeyStore
import java.security.cert.Certificate

/** The provider whose keys are in the phone's hardware. */
internal const val PROVIDER = "AndroidKeyStore"

/** The phone's key store, as far as this library uses it. */
internal object Keys {
    private fun opened(): KeyStore = KeyStore.getInstance(PROVIDER).apply { load(null) }

    operator fun contains(name: String): Boolean = opened().containsAlias(name)

    /** Old phones do not answer with `null` for a key that they do not have. */
    operator fun get(name: String): Key? = opened().let { if (it.containsAlias(name)) it.getKey(name, null) else null }

    fun chain(name: String): List<Certificate> = opened().getCertificateChain(name).orEmpty().toList()

    /** Makes a key pair on P-256, in place of any of that name. */
    fun newPair(spec: KeyGenParameterSpec): KeyPair = KeyPairGenerator.getInstance(KeyProperties.KEY_ALGORITHM_EC, PROVIDER).run {
        initialize(spec)
        generateKeyPair()
    }

    fun delete(name: String): Unit = opened().let { if (it.containsAlias(name)) it.deleteEntry(name) }
}
