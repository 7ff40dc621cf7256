package org.assent.device.android

import android.content.Context
import android.os.Build
import android.security.keystore.KeyInfo
import android.security.keystore.KeyProperties
import java.io.File
import java.security.KeyFactory
import java.security.PrivateKey
import java.security.Signature
import java.security.cert.Certificate
import java.util.concurrent.ConcurrentHashMap
import org.assent.device.core.KeyProtection
import org.assent.device.core.KeyPurpose
import org.assent.device.core.KeyVault
import org.assent.device.core.SecureStore
import org.assent.device.core.SigningReason
import org.assent.device.core.VaultException
import org.assent.device.software.FileStore
import org.assent.device.software.publicKey
import org.assent.device.software.uncompressed

/**
 * Keys in the phone's hardware, by the provider "AndroidKeyStore".
 *
 * | key | used |
 * |---|---|
 * | `device` | without the user |
 * | `verified`, `biometric` | after a strong biometric, at every use; gone for good when biometrics are added or removed |
 * | `verified`, `credential` | after a strong biometric or the screen lock, at every use |
 * | `sealing` | without the user; in software, kept encrypted, where the hardware agrees on no secrets |
 *
 * On Android 9 and 10 the screen lock unlocks no single signature: `credential` means a strong biometric there as well, and a
 * user without one cannot enrol.
 */
public class AndroidKeyVault internal constructor(
    home: File,
    private val level: Int,
    private val prompter: UserPrompter,
    options: VaultOptions,
) : KeyVault {
    private val specs = KeySpecs(level, options)
    private val keys = Keys(level)
    private val signing = SigningKeys(level, keys, options.strongBox)
    private val sealing = SealingKeys(level, keys, specs, EncryptedStore(File(home, "keys"), level, "assent.keys"))

    /** Has a document, with nothing in it, for each `verified` key that was made on this phone. */
    private val made: SecureStore = FileStore(File(home, "verified"))
    private val challenges = ConcurrentHashMap<String, ByteArray>()

    /** @param prompter asks the user before a `verified` key signs. */
    public constructor(context: Context, prompter: UserPrompter, options: VaultOptions = VaultOptions()) :
        this(home(context), Build.VERSION.SDK_INT, prompter, options)

    override suspend fun generate(alias: String, purpose: KeyPurpose, protection: KeyProtection): ByteArray = onKeys {
        remove(alias)
        val public = when (purpose) {
            KeyPurpose.DEVICE, KeyPurpose.VERIFIED ->
                signing.make(specs.signing(nameOf(alias), purpose, protection), challenges.remove(alias))
            KeyPurpose.SEALING -> sealing.make(nameOf(alias))
        }
        if (purpose == KeyPurpose.VERIFIED) made.save(alias, ByteArray(0))
        uncompressed(public)
    }

    override suspend fun sign(alias: String, message: ByteArray, reason: SigningReason): ByteArray = onKeys {
        val key = keys[nameOf(alias)] as PrivateKey? ?: throw missing(alias)
        val begun = Signature.getInstance("SHA256withECDSA").apply { initSign(key) }
        val unlocked = protectionOf(key)?.let { prompter.authenticate(begun, reason, it) } ?: begun
        unlocked.update(message)
        unlocked.sign()
    }

    override suspend fun agree(alias: String, peer: ByteArray): ByteArray = onKeys {
        sealing.agree(nameOf(alias), publicKey(peer)) ?: throw VaultException.KeyMissing()
    }

    override suspend fun delete(alias: String): Unit = onKeys { remove(alias) }

    /** The next key made under this alias is attested over [challenge]. */
    internal fun attestNext(alias: String, challenge: ByteArray) {
        challenges[alias] = challenge
    }

    /** The certificates that the key store keeps with the key, leaf first. */
    internal fun chain(alias: String): List<Certificate> = keys.chain(nameOf(alias))

    private suspend fun remove(alias: String) {
        keys.delete(nameOf(alias))
        sealing.delete(nameOf(alias))
        made.delete(alias)
    }

    /** A user who removes the screen lock has the system destroy the keys that need one, without a trace in the key store. */
    private suspend fun missing(alias: String): VaultException =
        if (made.load(alias) == null) VaultException.KeyMissing() else VaultException.KeyInvalidated()

    /** By what the user unlocks this key; `null` for a key that needs no user. */
    private fun protectionOf(key: PrivateKey): KeyProtection? {
        val info = KeyFactory.getInstance(key.algorithm, PROVIDER).getKeySpec(key, KeyInfo::class.java)
        return when {
            !info.isUserAuthenticationRequired -> null
            level < LEVEL_OF_CREDENTIALS -> KeyProtection.BIOMETRIC
            info.userAuthenticationType and KeyProperties.AUTH_DEVICE_CREDENTIAL != 0 -> KeyProtection.CREDENTIAL
            else -> KeyProtection.BIOMETRIC
        }
    }
}

/** Aliases of the core among all keys of the app. */
internal fun nameOf(alias: String): String = "assent.key.$alias"
