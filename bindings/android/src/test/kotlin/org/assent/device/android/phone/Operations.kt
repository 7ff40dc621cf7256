package org.assent.device.android.phone

import android.security.KeyStoreException
import android.security.keystore.KeyProperties
import java.security.AlgorithmParameters
import java.security.InvalidAlgorithmParameterException
import java.security.InvalidKeyException
import java.security.Key
import java.security.PrivateKey
import java.security.ProviderException
import java.security.PublicKey
import java.security.SecureRandom
import java.security.Signature
import java.security.SignatureException
import java.security.SignatureSpi
import java.security.spec.AlgorithmParameterSpec
import javax.crypto.Cipher
import javax.crypto.CipherSpi
import javax.crypto.KeyAgreement
import javax.crypto.KeyAgreementSpi
import javax.crypto.SecretKey

private val hardware get() = AndroidKeyStore.hardware

private fun handle(key: Key?): Entry = (key as? Handle)?.entry ?: throw InvalidKeyException("not a key of this key store")

/** One signature. */
internal class SignatureOperation : SignatureSpi() {
    private val inner = Signature.getInstance("SHA256withECDSA", "SunEC")
    private var entry: Entry? = null
    private var isVerified = false

    override fun engineInitSign(key: PrivateKey?) {
        val begun = handle(key)
        hardware.begin(begun, KeyProperties.PURPOSE_SIGN)
        val isDigested = begun.spec.isDigestsSpecified && KeyProperties.DIGEST_SHA256 in begun.spec.digests
        if (!isDigested) throw InvalidKeyException("Incompatible digest")
        inner.initSign(begun.pair!!.private)
        entry = begun
        isVerified = false
    }

    fun userWasVerified(by: Int) {
        val spec = entry!!.spec
        val allowed = if (hardware.level < 30) KeyProperties.AUTH_BIOMETRIC_STRONG else spec.userAuthenticationType
        check(spec.isUserAuthenticationRequired && allowed and by != 0) { "the key is not unlocked by that" }
        isVerified = true
    }

    override fun engineUpdate(byte: Byte) = inner.update(byte)

    override fun engineUpdate(bytes: ByteArray, offset: Int, length: Int) = inner.update(bytes, offset, length)

    override fun engineSign(): ByteArray {
        val used = entry ?: throw SignatureException("not begun")
        entry = null // The next signature is another operation.
        if (used.spec.isUserAuthenticationRequired && !isVerified) {
            throw SignatureException(KeyStoreException(KEY_USER_NOT_AUTHENTICATED, "Key user not authenticated"))
        }
        return inner.sign()
    }

    override fun engineInitVerify(key: PublicKey?) = throw InvalidKeyException("public keys are not kept here")

    override fun engineVerify(signature: ByteArray?): Boolean = throw SignatureException("public keys are not kept here")

    @Deprecated("as its parent")
    override fun engineSetParameter(name: String, value: Any) = throw UnsupportedOperationException(name)

    @Deprecated("as its parent")
    override fun engineGetParameter(name: String): Any? = if (name == OPERATION) this else null
}

/** One agreement. */
internal class AgreementOperation : KeyAgreementSpi() {
    private val inner = KeyAgreement.getInstance("ECDH", "SunEC")

    override fun engineInit(key: Key?, random: SecureRandom?) {
        val entry = handle(key)
        hardware.begin(entry, KeyProperties.PURPOSE_AGREE_KEY)
        inner.init(entry.pair!!.private)
    }

    override fun engineInit(key: Key?, parameters: AlgorithmParameterSpec?, random: SecureRandom?) = engineInit(key, random)

    override fun engineDoPhase(key: Key, isLast: Boolean): Key? = inner.doPhase(key, isLast)

    override fun engineGenerateSecret(): ByteArray = when (hardware.agreement) {
        Agreement.NO_USE, Agreement.NO_KEY ->
            throw ProviderException("Keystore operation failed", KeyStoreException(UNIMPLEMENTED, "Unimplemented"))
        Agreement.WRONG_SECRET -> inner.generateSecret().also { it[0] = (it[0] + 1).toByte() }
        Agreement.WORKS -> inner.generateSecret()
    }

    override fun engineGenerateSecret(secret: ByteArray, offset: Int): Int = throw UnsupportedOperationException()

    override fun engineGenerateSecret(algorithm: String): SecretKey = throw UnsupportedOperationException()
}

/** One encryption or decryption by AES-GCM. */
internal class CipherOperation : CipherSpi() {
    private val inner = Cipher.getInstance("AES/GCM/NoPadding", "SunJCE")

    override fun engineInit(mode: Int, key: Key?, random: SecureRandom?) {
        val entry = begun(mode, key)
        inner.init(mode, entry.secret)
    }

    override fun engineInit(mode: Int, key: Key?, parameters: AlgorithmParameterSpec?, random: SecureRandom?) {
        val entry = begun(mode, key)
        if (mode == Cipher.ENCRYPT_MODE && parameters != null) {
            val cause = KeyStoreException(CALLER_NONCE_PROHIBITED, "Caller nonce prohibited")
            throw InvalidAlgorithmParameterException("Caller-provided IV not permitted", cause)
        }
        inner.init(mode, entry.secret, parameters)
    }

    override fun engineInit(mode: Int, key: Key?, parameters: AlgorithmParameters?, random: SecureRandom?) =
        throw InvalidAlgorithmParameterException("Unsupported")

    private fun begun(mode: Int, key: Key?): Entry {
        val entry = handle(key)
        val encrypts = mode == Cipher.ENCRYPT_MODE
        hardware.begin(entry, if (encrypts) KeyProperties.PURPOSE_ENCRYPT else KeyProperties.PURPOSE_DECRYPT)
        val mayBeUnpadded = KeyProperties.ENCRYPTION_PADDING_NONE in entry.spec.encryptionPaddings
        if (KeyProperties.BLOCK_MODE_GCM !in entry.spec.blockModes) throw InvalidKeyException("Incompatible block mode")
        if (!mayBeUnpadded) throw InvalidKeyException("Incompatible padding mode")
        return entry
    }

    override fun engineSetMode(mode: String) = Unit

    override fun engineSetPadding(padding: String) = Unit

    override fun engineGetBlockSize(): Int = inner.blockSize

    override fun engineGetOutputSize(length: Int): Int = inner.getOutputSize(length)

    override fun engineGetIV(): ByteArray? = inner.iv

    override fun engineGetParameters(): AlgorithmParameters? = inner.parameters

    override fun engineUpdateAAD(bytes: ByteArray, offset: Int, length: Int) = inner.updateAAD(bytes, offset, length)

    override fun engineUpdate(bytes: ByteArray, offset: Int, length: Int): ByteArray? = inner.update(bytes, offset, length)

    override fun engineUpdate(bytes: ByteArray, offset: Int, length: Int, output: ByteArray, outputOffset: Int): Int =
        inner.update(bytes, offset, length, output, outputOffset)

    override fun engineDoFinal(bytes: ByteArray?, offset: Int, length: Int): ByteArray =
        if (bytes == null) inner.doFinal() else inner.doFinal(bytes, offset, length)

    override fun engineDoFinal(bytes: ByteArray, offset: Int, length: Int, output: ByteArray, outputOffset: Int): Int =
        inner.doFinal(bytes, offset, length, output, outputOffset)
}
