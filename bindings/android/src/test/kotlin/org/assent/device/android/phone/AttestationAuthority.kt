package org.assent.device.android.phone

import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import java.math.BigInteger
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.MessageDigest
import java.security.PrivateKey
import java.security.PublicKey
import java.security.Signature
import java.security.cert.X509Certificate
import java.security.spec.ECGenParameterSpec
import java.util.concurrent.atomic.AtomicLong

/** The app that the system names in attestations. */
const val APP_PACKAGE = "org.example.app"

/** SHA-256 of the certificate that signed the app. */
val APP_DIGEST: ByteArray = MessageDigest.getInstance("SHA-256").digest("the app's signer".toByteArray())

/** A maker of phones: a root, and an authority below it that is in the phone. */
class AttestationAuthority {
    private val serials = AtomicLong(1)
    private val rootKey = newKey()
    private val key = newKey()

    /** What a server that trusts this maker is told. */
    val root: X509Certificate = issue("maker", "maker", rootKey.public, rootKey.private, authority())
    private val intermediate = issue("phone", "maker", key.public, rootKey.private, authority())

    /** The chain of a key that was made to [spec] on a phone of this level. */
    internal fun chain(public: PublicKey, spec: KeyGenParameterSpec, level: Int): List<X509Certificate> {
        val description = extension("1.3.6.1.4.1.11129.2.1.17", describe(spec, level))
        return listOf(issue("key", "phone", public, key.private, description), intermediate, root)
    }

    /** The certificate of a key that is not attested. */
    internal fun unattested(pair: KeyPair): X509Certificate = issue("fake", "fake", pair.public, pair.private)

    /** `KeyDescription` of KeyMint 2. */
    private fun describe(spec: KeyGenParameterSpec, level: Int): ByteArray {
        val securityLevel = Der.enumerated(if (spec.isStrongBoxBacked) 2 else 1)
        val version = Der.integer(200)
        return Der.sequence(
            version, securityLevel, version, securityLevel, Der.octets(spec.attestationChallenge), Der.octets(ByteArray(0)),
            Der.sequence(Der.tagged(709, Der.octets(app()))), Der.sequence(*enforced(spec, level)),
        )
    }

    private fun app(): ByteArray =
        Der.sequence(
            Der.set(Der.sequence(Der.octets(APP_PACKAGE.toByteArray()), Der.integer(1))),
            Der.set(Der.octets(APP_DIGEST)),
        )

    private fun enforced(spec: KeyGenParameterSpec, level: Int): Array<ByteArray> {
        // PURPOSE_SIGN of the platform is 4, SIGN of the hardware 2.
        check(spec.purposes == KeyProperties.PURPOSE_SIGN) { "only keys that sign are attested" }
        val credential = level >= 30 && spec.userAuthenticationType and KeyProperties.AUTH_DEVICE_CREDENTIAL != 0
        val types = Der.integer(if (credential) 3 else 2)
        val started = Der.sequence(Der.octets(ByteArray(32)), Der.boolean(true), Der.enumerated(0), Der.octets(ByteArray(32)))
        return arrayOf(
            Der.tagged(1, Der.set(Der.integer(2))), Der.tagged(2, Der.integer(3)), Der.tagged(3, Der.integer(256)),
            if (spec.isUserAuthenticationRequired) Der.tagged(504, types) else Der.tagged(503, Der.none()),
            Der.tagged(702, Der.integer(0)),
            Der.tagged(704, started),
            Der.tagged(706, Der.integer(202_611)),
        )
    }

    private fun authority(): ByteArray = Der.sequence(Der.boolean(true)).let { isAuthority ->
        extension("2.5.29.19", isAuthority, isCritical = true) +
            extension("2.5.29.15", Der.bits(byteArrayOf(0x04), unused = 2), isCritical = true) // keyCertSign
    }

    private fun extension(identifier: String, content: ByteArray, isCritical: Boolean = false): ByteArray {
        val critical = if (isCritical) Der.boolean(true) else ByteArray(0)
        return Der.sequence(Der.identifier(identifier), critical, Der.octets(content))
    }

    private fun issue(
        subject: String,
        issuer: String,
        public: PublicKey,
        signer: PrivateKey,
        extensions: ByteArray = ByteArray(0),
    ): X509Certificate {
        val algorithm = Der.sequence(Der.identifier("1.2.840.10045.4.3.2"))
        val said = Der.sequence(
            Der.tagged(0, Der.integer(2)), Der.integer(BigInteger.valueOf(serials.getAndIncrement())), algorithm, name(issuer),
            Der.sequence(Der.time("200101000000Z"), Der.time("491231235959Z")), name(subject), public.encoded,
            if (extensions.isEmpty()) ByteArray(0) else Der.tagged(3, Der.sequence(extensions)),
        )
        val signature = Signature.getInstance("SHA256withECDSA", "SunEC").run {
            initSign(signer)
            update(said)
            sign()
        }
        return certificate(Der.sequence(said, algorithm, Der.bits(signature)))
    }

    private fun name(text: String): ByteArray =
        Der.sequence(Der.set(Der.sequence(Der.identifier("2.5.4.3"), Der.text(text))))

    private fun newKey(): KeyPair = KeyPairGenerator.getInstance("EC", "SunEC").run {
        initialize(ECGenParameterSpec("secp256r1"))
        generateKeyPair()
    }
}
