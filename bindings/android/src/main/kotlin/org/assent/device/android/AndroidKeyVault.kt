package org.assent.device.android

import android.content.Context
import android.os.Build
import android.security.KeyStoreException
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyInfo
import android.security.keystore.KeyProperties
import android.security.keystore.StrongBoxUnavailableException
import java.io.File
import java.security.KeyFactory
import java.security.PrivateKey
import java.security.ProviderException
import java.security.PublicKey
import java.security.Signature
import java.security.cert.X509Certificate
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
 * | `verified`, `biometric` | after a strong biometric, at every use; gone for good when biometrics are added |
 * | `verified`, `credential` | after a strong biometric or the screen lock, at every use; before Android 11 after a strong biometric |
 * | `sealing` | without the user; in software, kept encrypted, where the hardware agrees on no secrets |
 */
public class AndroidKeyVault internal constructor(
    level: Int,
    private val prompter: UserPrompter,
    private val options: VaultOptions,
    private val sealing: SealingKeys,
    private val verified: SecureStore,
) : KeyVault {
    private val store = AndroidKeys()
    private val specs = KeySpecs(level, options)
    private val failures = KeyFailures(level)
    private val challenges = ConcurrentHashMap<String, ByteArray>()
    private val level = level

    internal constructor(home: File, level: Int, prompter: UserPrompter, options: VaultOptions) : this(
        level, prompter, options, SealingKeys(level, home), FileStore(File(home, "verified")),
    )

    /** @param prompter asks the user before a `verified` key signs. */
    public constructor(context: Context, prompter: UserPrompter, options: VaultOptions = VaultOptions()) :
        this(home(context), Build.VERSION.SDK_INT, prompter, options)

    override suspend fun generate(alias: String, purpose: KeyPurpose, protection: KeyProtection): ByteArray = TODO()

    override suspend fun sign(alias: String, message: ByteArray, reason: SigningReason): ByteArray = TODO()

    override suspend fun agree(alias: String, peer: ByteArray): ByteArray = TODO()

    override suspend fun delete(alias: String): Unit = TODO()

    internal fun attestNext(alias: String, challenge: ByteArray): Unit = TODO()

    internal fun chain(alias: String): List<X509Certificate> = TODO()
}
