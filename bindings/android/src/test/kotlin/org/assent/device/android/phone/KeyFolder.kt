package org.assent.device.android.phone

import android.security.KeyStoreException as PlatformFailure
import android.security.keystore.KeyInfo
import android.security.keystore.KeyProperties
import java.io.InputStream
import java.io.OutputStream
import java.security.InvalidKeyException
import java.security.Key
import java.security.KeyFactorySpi
import java.security.KeyStoreException
import java.security.KeyStoreSpi
import java.security.PrivateKey
import java.security.PublicKey
import java.security.UnrecoverableKeyException
import java.security.cert.Certificate
import java.security.spec.InvalidKeySpecException
import java.security.spec.KeySpec
import java.util.Collections
import java.util.Date
import java.util.Enumeration
import javax.crypto.SecretKey

private val hardware get() = AndroidKeyStore.hardware

/** A key that is named and not told. */
internal sealed class Handle(val entry: Entry, private val algorithm: String) : Key {
    override fun getAlgorithm(): String = algorithm

    override fun getFormat(): String? = null

    override fun getEncoded(): ByteArray? = null
}

internal class PrivateHandle(entry: Entry) : Handle(entry, KeyProperties.KEY_ALGORITHM_EC), PrivateKey

internal class SecretHandle(entry: Entry) : Handle(entry, KeyProperties.KEY_ALGORITHM_AES), SecretKey

/** The key store itself. */
internal class KeyFolder : KeyStoreSpi() {
    override fun engineGetKey(alias: String, password: CharArray?): Key? {
        val entry = hardware.keys[alias] ?: return null
        // As on phones: no cause, and not the exception that says what it is.
        if (entry.isInvalidated && hardware.level >= 31) throw UnrecoverableKeyException("Key permanently invalidated")
        if (entry.isBusy) {
            val busy = PlatformFailure(4, "busy")
            throw UnrecoverableKeyException("Failed to obtain information about key").apply { initCause(busy) }
        }
        return if (entry.secret == null) PrivateHandle(entry) else SecretHandle(entry)
    }

    /** As on phones: since Android 12, `false` is also the answer to every failure. */
    override fun engineContainsAlias(alias: String): Boolean {
        val entry = hardware.keys[alias] ?: return false
        return !entry.isBusy || hardware.level < 31
    }

    /** As on phones: `null` is also the answer to every failure. */
    override fun engineGetCertificateChain(alias: String): Array<Certificate>? =
        hardware.keys[alias]?.takeUnless { it.isBusy }?.chain?.toTypedArray()

    override fun engineGetCertificate(alias: String): Certificate? = hardware.keys[alias]?.chain?.firstOrNull()

    override fun engineGetCreationDate(alias: String): Date? = null

    override fun engineDeleteEntry(alias: String) {
        val failed = "Failed to delete entry: $alias"
        if (hardware.keys[alias]?.isBusy == true) throw KeyStoreException(failed, PlatformFailure(4, "busy"))
        if (hardware.keys.remove(alias) == null && hardware.level < 31) throw KeyStoreException(failed)
    }

    override fun engineAliases(): Enumeration<String> = Collections.enumeration(hardware.names)

    override fun engineSize(): Int = hardware.names.size

    override fun engineIsKeyEntry(alias: String): Boolean = engineContainsAlias(alias)

    override fun engineIsCertificateEntry(alias: String): Boolean = false

    override fun engineGetCertificateAlias(certificate: Certificate): String? = null

    override fun engineLoad(stream: InputStream?, password: CharArray?) = require(stream == null) { "no stream" }

    override fun engineStore(stream: OutputStream?, password: CharArray?) = throw UnsupportedOperationException("no way out")

    override fun engineSetKeyEntry(alias: String, key: Key, password: CharArray?, chain: Array<out Certificate>?) = importing()

    override fun engineSetKeyEntry(alias: String, key: ByteArray, chain: Array<out Certificate>?) = importing()

    override fun engineSetCertificateEntry(alias: String, certificate: Certificate) = importing()

    private fun importing(): Nothing = throw KeyStoreException("keys do not come in")
}

/** What the key store says of a key. */
internal class KeyDescriber : KeyFactorySpi() {
    override fun <T : KeySpec> engineGetKeySpec(key: Key, type: Class<T>): T {
        if (key !is PrivateHandle) throw InvalidKeySpecException("not a key of this key store")
        if (type != KeyInfo::class.java) throw InvalidKeySpecException("Unsupported key spec: $type")
        val spec = key.entry.spec
        return type.cast(
            KeyInfo(
                spec.keystoreAlias, true, KeyProperties.ORIGIN_GENERATED, spec.keySize, null, null, null, spec.purposes,
                emptyArray(), emptyArray(), emptyArray(), emptyArray(), spec.isUserAuthenticationRequired,
                spec.userAuthenticationValidityDurationSeconds, spec.userAuthenticationType, true, false,
                spec.isInvalidatedByBiometricEnrollment, false, false, KeyProperties.SECURITY_LEVEL_TRUSTED_ENVIRONMENT, -1,
            ),
        )
    }

    override fun engineGeneratePublic(spec: KeySpec): PublicKey = throw InvalidKeySpecException("keys do not come in")

    override fun engineGeneratePrivate(spec: KeySpec): PrivateKey = throw InvalidKeySpecException("keys do not come in")

    override fun engineTranslateKey(key: Key): Key = throw InvalidKeyException("keys do not come in")
}
