package org.assent.device.android

import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import java.security.Key
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.KeyStore
import java.security.KeyStoreException
import java.security.cert.Certificate

/** The provider whose keys are in the phone's hardware. */
internal const val PROVIDER = "AndroidKeyStore"

/**
 * The phone's key store, as far as this library uses it.
 *
 * Since Android 12 `containsAlias` says `false` to every failure, and only `getKey` tells a key that is gone (`null`) from one
 * that cannot be reached now (an exception). Before, `getKey` and `deleteEntry` fail for a key that there is not.
 */
internal class Keys(private val level: Int) {
    private fun opened(): KeyStore = KeyStore.getInstance(PROVIDER).apply { load(null) }

    private fun mayHave(store: KeyStore, name: String): Boolean = level >= LEVEL_OF_KEYSTORE2 || store.containsAlias(name)

    /** `null` only where there is no such key. */
    operator fun get(name: String): Key? = opened().let { if (mayHave(it, name)) it.getKey(name, null) else null }

    /** Empty only where there is no such key: a chain that cannot be read now looks like none. */
    fun chain(name: String): List<Certificate> {
        if (get(name) == null) return emptyList()
        return opened().getCertificateChain(name)?.toList() ?: throw KeyStoreException("the chain of $name cannot be read now")
    }

    /** Makes a key pair on P-256, in place of any of that name. */
    fun newPair(spec: KeyGenParameterSpec): KeyPair = KeyPairGenerator.getInstance(KeyProperties.KEY_ALGORITHM_EC, PROVIDER).run {
        initialize(spec)
        generateKeyPair()
    }

    fun delete(name: String): Unit = opened().let { if (mayHave(it, name)) it.deleteEntry(name) }
}
