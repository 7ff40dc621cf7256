package org.assent.device.software

import java.math.BigInteger
import java.security.AlgorithmParameters
import java.security.KeyFactory
import java.security.KeyPairGenerator
import java.security.PrivateKey
import java.security.PublicKey
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.security.spec.ECParameterSpec
import java.security.spec.ECPoint
import java.security.spec.ECPublicKeySpec
import java.security.spec.PKCS8EncodedKeySpec
import javax.crypto.KeyAgreement
import org.assent.device.core.KeyProtection
import org.assent.device.core.KeyPurpose
import org.assent.device.core.KeyVault
import org.assent.device.core.SecureStore
import org.assent.device.core.SigningReason
import org.assent.device.core.VaultException

/**
 * Keys in software, for tests, tools and a first look: whoever can read [keys] can answer in the user's place, and nothing
 * but [consent] stands in for the user.
 *
 * @param keys where the keys are kept; in memory where none is given. Not the store of the core: names may clash.
 * @param consent asked before a key signs that asks the user on a phone; `false` is a user who dismisses the dialogue.
 */
public class SoftwareKeyVault(
    private val keys: SecureStore = MemoryStore(),
    private val consent: suspend (SigningReason) -> Boolean = { true },
) : KeyVault {
    override suspend fun generate(alias: String, purpose: KeyPurpose, protection: KeyProtection): ByteArray {
        val generator = KeyPairGenerator.getInstance("EC")
        generator.initialize(ECGenParameterSpec("secp256r1"))
        val pair = generator.generateKeyPair()
        val asks = if (purpose == KeyPurpose.VERIFIED) ASKS else ASKS_NOT
        keys.save(alias, byteArrayOf(asks) + pair.private.encoded)
        return uncompressed(pair.public)
    }

    override suspend fun sign(alias: String, message: ByteArray, reason: SigningReason): ByteArray {
        val key = kept(alias)
        if (key[0] == ASKS && !consent(reason)) throw VaultException.UserCancelled()
        return Signature.getInstance("SHA256withECDSA").run {
            initSign(privateKey(key))
            update(message)
            sign()
        }
    }

    override suspend fun agree(alias: String, peer: ByteArray): ByteArray = KeyAgreement.getInstance("ECDH").run {
        init(privateKey(kept(alias)))
        doPhase(publicKey(peer), true)
        generateSecret()
    }

    override suspend fun delete(alias: String): Unit = keys.delete(alias)

    private suspend fun kept(alias: String): ByteArray = keys.load(alias) ?: throw VaultException.KeyMissing()
}

private const val ASKS: Byte = 1
private const val ASKS_NOT: Byte = 0

/** One byte says whether the user is asked, what follows is the key. */
private fun privateKey(kept: ByteArray): PrivateKey =
    KeyFactory.getInstance("EC").generatePrivate(PKCS8EncodedKeySpec(kept.copyOfRange(1, kept.size)))

private const val COORDINATE_BYTES = 32

/** A P-256 key as an uncompressed SEC1 point, 65 bytes. */
internal fun uncompressed(key: PublicKey): ByteArray {
    val point = (key as ECPublicKey).w
    return byteArrayOf(4) + fixed(point.affineX) + fixed(point.affineY)
}

/** The key at an uncompressed SEC1 point of P-256. */
internal fun publicKey(point: ByteArray): PublicKey {
    require(point.size == 1 + 2 * COORDINATE_BYTES && point[0] == 4.toByte()) { "not an uncompressed point" }
    val parameters = AlgorithmParameters.getInstance("EC")
    parameters.init(ECGenParameterSpec("secp256r1"))
    val curve = parameters.getParameterSpec(ECParameterSpec::class.java)
    val x = BigInteger(1, point.copyOfRange(1, 1 + COORDINATE_BYTES))
    val y = BigInteger(1, point.copyOfRange(1 + COORDINATE_BYTES, point.size))
    return KeyFactory.getInstance("EC").generatePublic(ECPublicKeySpec(ECPoint(x, y), curve))
}

private fun fixed(coordinate: BigInteger): ByteArray {
    val bytes = coordinate.toByteArray()
    return when {
        bytes.size > COORDINATE_BYTES -> bytes.copyOfRange(bytes.size - COORDINATE_BYTES, bytes.size)
        else -> ByteArray(COORDINATE_BYTES - bytes.size) + bytes
    }
}
