package org.assent.device.software

import java.math.BigInteger
import java.security.AlgorithmParameters
import java.security.KeyFactory
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.PublicKey
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.security.spec.ECParameterSpec
import java.security.spec.ECPoint
import java.security.spec.ECPublicKeySpec
import java.util.concurrent.ConcurrentHashMap
import javax.crypto.KeyAgreement
import org.assent.device.core.KeyProtection
import org.assent.device.core.KeyPurpose
import org.assent.device.core.KeyVault
import org.assent.device.core.SigningReason
import org.assent.device.core.VaultException

/**
 * Keys in memory, for tests: they are gone with the process, and nothing but [consent] stands in for the user.
 *
 * @param consent asked before a key signs that asks the user on a phone; `false` is a user who dismisses the dialogue.
 */
public class SoftwareKeyVault(private val consent: suspend (SigningReason) -> Boolean = { true }) : KeyVault {
    private class Held(val pair: KeyPair, val asks: Boolean)

    private val keys = ConcurrentHashMap<String, Held>()

    /** The aliases of all keys. */
    public val aliases: Set<String> get() = keys.keys.toSet()

    override suspend fun generate(alias: String, purpose: KeyPurpose, protection: KeyProtection): ByteArray {
        val generator = KeyPairGenerator.getInstance("EC")
        generator.initialize(ECGenParameterSpec("secp256r1"))
        val pair = generator.generateKeyPair()
        keys[alias] = Held(pair, purpose == KeyPurpose.VERIFIED)
        return uncompressed(pair.public)
    }

    override suspend fun sign(alias: String, message: ByteArray, reason: SigningReason): ByteArray {
        val held = held(alias)
        if (held.asks && !consent(reason)) throw VaultException.UserCancelled()
        return Signature.getInstance("SHA256withECDSA").run {
            initSign(held.pair.private)
            update(message)
            sign()
        }
    }

    override suspend fun agree(alias: String, peer: ByteArray): ByteArray = KeyAgreement.getInstance("ECDH").run {
        init(held(alias).pair.private)
        doPhase(publicKey(peer), true)
        generateSecret()
    }

    override suspend fun delete(alias: String) {
        keys.remove(alias)
    }

    private fun held(alias: String): Held = keys[alias] ?: throw VaultException.KeyMissing()
}

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
