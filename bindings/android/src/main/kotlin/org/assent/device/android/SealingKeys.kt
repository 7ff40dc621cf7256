package org.assent.device.android

import java.security.GeneralSecurityException
import java.security.KeyFactory
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.MessageDigest
import java.security.PrivateKey
import java.security.ProviderException
import java.security.PublicKey
import java.security.spec.ECGenParameterSpec
import java.security.spec.PKCS8EncodedKeySpec
import javax.crypto.KeyAgreement
import org.assent.device.core.SecureStore

/**
 * Keys that agree on secrets: in hardware since Android 12, where it can.
 *
 * Some phones make such a key and then fail with it, so each is tried out when it is made. Where that fails, and on older
 * phones, the key is made in software and kept encrypted by a key in hardware: it cannot be read from the phone's storage, but
 * is in the app's memory while it is used. It opens pushes and signs nothing.
 *
 * @param wrapped where keys in software are kept.
 */
internal class SealingKeys(
    private val level: Int,
    private val keys: Keys,
    private val specs: KeySpecs,
    private val wrapped: SecureStore,
) {
    suspend fun make(name: String): PublicKey = inHardware(name) ?: inSoftware(name)

    /** The x-coordinate; `null` where there is no such key. */
    suspend fun agree(name: String, peer: PublicKey): ByteArray? {
        (keys[name] as PrivateKey?)?.let { return agreement(it, peer, PROVIDER) }
        val encoded = wrapped.load(name) ?: return null
        try {
            return agreement(KeyFactory.getInstance("EC").generatePrivate(PKCS8EncodedKeySpec(encoded)), peer)
        } finally {
            encoded.fill(0)
        }
    }

    suspend fun delete(name: String): Unit = wrapped.delete(name)

    private fun inHardware(name: String): PublicKey? {
        if (level < LEVEL_OF_AGREEMENT) return null
        try {
            val pair = keys.newPair(specs.agreeing(name))
            if (agrees(pair)) return pair.public
        } catch (_: GeneralSecurityException) {
            // As below.
        } catch (_: ProviderException) {
            // A phone that makes no such key, or cannot use it: software does.
        }
        keys.delete(name)
        return null
    }

    private fun agrees(pair: KeyPair): Boolean {
        val other = softwarePair()
        return MessageDigest.isEqual(agreement(pair.private, other.public, PROVIDER), agreement(other.private, pair.public))
    }

    private suspend fun inSoftware(name: String): PublicKey {
        val pair = softwarePair()
        val encoded = pair.private.encoded
        try {
            wrapped.save(name, encoded)
        } finally {
            encoded.fill(0)
        }
        return pair.public
    }
}

private fun softwarePair(): KeyPair = KeyPairGenerator.getInstance("EC").run {
    initialize(ECGenParameterSpec("secp256r1"))
    generateKeyPair()
}

private fun agreement(key: PrivateKey, peer: PublicKey, provider: String? = null): ByteArray {
    val agreement = if (provider == null) KeyAgreement.getInstance("ECDH") else KeyAgreement.getInstance("ECDH", provider)
    agreement.init(key)
    agreement.doPhase(peer, true)
    return agreement.generateSecret()
}
