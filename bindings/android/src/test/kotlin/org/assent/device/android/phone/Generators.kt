package org.assent.device.android.phone

import android.security.KeyStoreException
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import android.security.keystore.StrongBoxUnavailableException
import java.security.InvalidAlgorithmParameterException
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.KeyPairGeneratorSpi
import java.security.ProviderException
import java.security.SecureRandom
import java.security.spec.AlgorithmParameterSpec
import java.security.spec.ECGenParameterSpec
import javax.crypto.KeyGenerator
import javax.crypto.KeyGeneratorSpi
import javax.crypto.SecretKey

private val hardware get() = AndroidKeyStore.hardware

/** Reads and checks what a key is to be, as the key store of this level would. */
private fun checked(parameters: AlgorithmParameterSpec?): KeyGenParameterSpec {
    val spec = parameters as? KeyGenParameterSpec ?: throw InvalidAlgorithmParameterException("not a KeyGenParameterSpec")
    if (!spec.isUserAuthenticationRequired) return spec
    val types = spec.userAuthenticationType
    if (types and KeyProperties.AUTH_DEVICE_CREDENTIAL != 0) {
        if (hardware.level < 30) throw NoSuchMethodError("setUserAuthenticationParameters")
        if (!hardware.hasScreenLock) refuse("Secure lock screen must be enabled to create keys requiring user authentication")
    } else if (!hardware.hasBiometric) {
        refuse("At least one biometric must be enrolled to create keys requiring user authentication for every use")
    }
    return spec
}

private fun refuse(why: String): Nothing = throw InvalidAlgorithmParameterException(IllegalStateException(why))

/** Makes key pairs. */
internal class PairGenerator : KeyPairGeneratorSpi() {
    private lateinit var spec: KeyGenParameterSpec

    override fun initialize(size: Int, random: SecureRandom?) = throw IllegalArgumentException(NEEDED)

    override fun initialize(parameters: AlgorithmParameterSpec?, random: SecureRandom?) {
        spec = checked(parameters)
        val curve = (spec.algorithmParameterSpec as? ECGenParameterSpec)?.name
        if (curve != "secp256r1") throw InvalidAlgorithmParameterException("Unsupported curve: $curve")
    }

    override fun generateKeyPair(): KeyPair {
        if (spec.isStrongBoxBacked && !hardware.hasStrongBox) throw StrongBoxUnavailableException("Failed to generate key pair")
        if (hardware.stumbles.getAndUpdate { maxOf(it - 1, 0) } > 0) throw ProviderException("Failed to generate key pair.")
        if (attesting() == Attesting.BROKEN) throw ProviderException("Failed to generate key pair.")
        val agrees = spec.purposes and KeyProperties.PURPOSE_AGREE_KEY != 0
        if (agrees && (hardware.level < 31 || hardware.agreement == Agreement.NO_KEY)) {
            throw ProviderException("Unsupported purpose")
        }
        val pair = KeyPairGenerator.getInstance("EC", "SunEC").run {
            initialize(ECGenParameterSpec("secp256r1"))
            generateKeyPair()
        }
        val entry = Entry(spec.keystoreAlias, spec, chain(pair), pair, null)
        hardware.keys[entry.name] = entry
        return KeyPair(pair.public, PrivateHandle(entry))
    }

    private fun attesting() = if (spec.isStrongBoxBacked) hardware.strongBoxAttesting else hardware.attesting

    private fun chain(pair: KeyPair) = if (spec.attestationChallenge == null) {
        listOf(hardware.authority.unattested(pair))
    } else {
        when (attesting()) {
            Attesting.WORKS -> hardware.authority.chain(pair.public, spec, hardware.level)
            Attesting.NEVER -> throw notAttested(KeyStoreException(ATTESTATION_UNSUPPORTED, "no attestation keys"))
            Attesting.BROKEN -> error("no key is made")
            Attesting.NOT_NOW -> throw notAttested(
                KeyStoreException(OUT_OF_KEYS, "no attestation keys yet", KeyStoreException.RKP_FETCHING_PENDING_CONNECTIVITY),
            )
        }
    }

    private fun notAttested(cause: KeyStoreException) = ProviderException("Failed to generate key pair.", cause)
}

/** Makes secret keys. */
internal class SecretGenerator : KeyGeneratorSpi() {
    private lateinit var spec: KeyGenParameterSpec

    override fun engineInit(random: SecureRandom?) = throw UnsupportedOperationException(NEEDED)

    override fun engineInit(size: Int, random: SecureRandom?) = throw UnsupportedOperationException(NEEDED)

    override fun engineInit(parameters: AlgorithmParameterSpec?, random: SecureRandom?) {
        spec = checked(parameters)
    }

    override fun engineGenerateKey(): SecretKey {
        val secret = KeyGenerator.getInstance("AES", "SunJCE").run {
            init(spec.keySize)
            generateKey()
        }
        val entry = Entry(spec.keystoreAlias, spec, emptyList(), null, secret)
        hardware.keys[entry.name] = entry
        return SecretHandle(entry)
    }
}

private const val ATTESTATION_UNSUPPORTED = -72
private const val NEEDED = "a KeyGenParameterSpec is needed"
private const val OUT_OF_KEYS = 22
