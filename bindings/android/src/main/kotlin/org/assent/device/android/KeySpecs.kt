package org.assent.device.android

import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import java.security.spec.ECGenParameterSpec
import org.assent.device.core.KeyProtection
import org.assent.device.core.KeyPurpose

/** Android 11: a signature can be unlocked by the screen lock. */
internal const val LEVEL_OF_CREDENTIALS = 30

/** Android 12: the key store says of a key that it is gone. */
internal const val LEVEL_OF_KEYSTORE2 = 31

/** Android 12: the key store agrees on secrets. */
internal const val LEVEL_OF_AGREEMENT = 31

/** Android 13: the key store says whether a failure passes. */
internal const val LEVEL_OF_FAILURES = 33

/** Android 15: a phone that was unlocked by a weak biometric, or by what the user carries, counts as unlocked to its keys. */
internal const val LEVEL_OF_UNLOCKING = 35

/** What a phone of this level is asked for when a key is made. */
internal class KeySpecs(private val level: Int, private val options: VaultOptions) {
    /** A key that signs SHA-256 by ECDSA. */
    fun signing(name: String, purpose: KeyPurpose, protection: KeyProtection): KeyGenParameterSpec.Builder {
        val builder = onP256(name, KeyProperties.PURPOSE_SIGN).setDigests(KeyProperties.DIGEST_SHA256)
        if (purpose == KeyPurpose.VERIFIED) verifying(builder, protection)
        return builder
    }

    /** A key that agrees on secrets. */
    fun agreeing(name: String): KeyGenParameterSpec = onP256(name, KeyProperties.PURPOSE_AGREE_KEY).build()

    private fun onP256(name: String, purpose: Int): KeyGenParameterSpec.Builder =
        KeyGenParameterSpec.Builder(name, purpose).setAlgorithmParameterSpec(ECGenParameterSpec("secp256r1"))

    /**
     * The user is verified at every use. Before Android 11 there is no such key for the screen lock: there, `credential` means
     * a strong biometric as well, and differs in that the key survives new ones.
     */
    private fun verifying(builder: KeyGenParameterSpec.Builder, protection: KeyProtection) {
        val biometric = protection == KeyProtection.BIOMETRIC
        builder.setUserAuthenticationRequired(true)
            .setInvalidatedByBiometricEnrollment(biometric)
            .setUnlockedDeviceRequired(options.unlockedDeviceRequired ?: (level >= LEVEL_OF_UNLOCKING))
        if (level >= LEVEL_OF_CREDENTIALS) {
            val lock = if (biometric) 0 else KeyProperties.AUTH_DEVICE_CREDENTIAL
            builder.setUserAuthenticationParameters(0, KeyProperties.AUTH_BIOMETRIC_STRONG or lock)
        }
    }
}
