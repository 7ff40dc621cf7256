package org.assent.device.android

import java.io.File
import java.math.BigInteger
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import javax.crypto.KeyAgreement
import org.assent.device.android.phone.Agreement
import org.assent.device.core.SigningReason
import org.assent.device.core.VaultException
import org.assent.device.test
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

private const val IN_HARDWARE = "assent.key.a.sealing"
private const val WRAPPING = "assent.keys.$IN_HARDWARE"

class SealingKeysTest {
    private val peer: KeyPair = KeyPairGenerator.getInstance("EC", "SunEC").run {
        initialize(ECGenParameterSpec("secp256r1"))
        generateKeyPair()
    }
    private val peerPoint = (peer.public as ECPublicKey).w.run { byteArrayOf(4) + fixed(affineX) + fixed(affineY) }

    private fun fixed(number: BigInteger) = (ByteArray(32) + number.toByteArray()).takeLast(32).toByteArray()

    /** What the other side comes to. */
    private fun expected(point: ByteArray): ByteArray = KeyAgreement.getInstance("ECDH", "SunEC").run {
        init(peer.private)
        doPhase(keyAt(point), true)
        generateSecret()
    }

    private suspend fun agreesIn(phone: Phone, place: Set<String>) {
        val point = phone.sealing()
        assertArrayEquals(expected(point), phone.vault.agree("a.sealing", peerPoint))
        assertEquals(place, phone.hardware.names)
    }

    @Test
    fun `a phone that agrees on secrets does so in hardware, without the user, also while it is locked`() = test {
        val phone = Phone(level = 31)
        agreesIn(phone, setOf(IN_HARDWARE))
        phone.hardware.isLocked = true
        phone.vault.agree("a.sealing", peerPoint)
        assertEquals(0, phone.user.asked.size)
    }

    @Test
    fun `before Android 12 the key is in software`() = test { agreesIn(Phone(level = 30), setOf(WRAPPING)) }

    @Test
    fun `a phone that makes no such key, cannot use it or agrees on something else has it in software`() = test {
        for (failing in listOf(Agreement.NO_KEY, Agreement.NO_USE, Agreement.WRONG_SECRET)) {
            val phone = Phone()
            phone.hardware.agreement = failing
            agreesIn(phone, setOf(WRAPPING))
        }
    }

    @Test
    fun `a key in software is kept encrypted and outlives the process`() = test {
        val phone = Phone(level = 30)
        val point = phone.sealing()
        val file = File(phone.home, "keys").walk().single { it.isFile && it.name != "key.lock" }
        assertFalse(file.readBytes().decodeToString().contains(point.decodeToString()))
        val again = AndroidKeyVault(phone.home, 30, { signature, _, _ -> signature }, VaultOptions())
        assertArrayEquals(expected(point), again.agree("a.sealing", peerPoint))
    }

    @Test
    fun `a key in software is deleted with its file, and another takes its place`() = test {
        val phone = Phone(level = 30)
        val first = phone.sealing()
        val second = phone.sealing()
        assertFalse(first.contentEquals(second))
        assertArrayEquals(expected(second), phone.vault.agree("a.sealing", peerPoint))
        phone.vault.delete("a.sealing")
        assertInstanceOf(VaultException.KeyMissing::class.java, failure { phone.vault.agree("a.sealing", peerPoint) })
    }

    @Test
    fun `a key in software whose file is damaged is unavailable`() = test {
        val phone = Phone(level = 30)
        phone.sealing()
        File(phone.home, "keys").walk().single { it.isFile && it.name != "key.lock" }.writeBytes(ByteArray(40))
        assertTrue("Damaged" in detail { phone.vault.agree("a.sealing", peerPoint) })
    }

    @Test
    fun `a key that signs agrees on nothing, and one that agrees does not sign`() = test {
        val phone = Phone()
        phone.device()
        phone.sealing()
        assertInstanceOf(VaultException.Unavailable::class.java, failure { phone.vault.agree("a.device", peerPoint) })
        assertInstanceOf(VaultException.Unavailable::class.java, failure {
            phone.vault.sign("a.sealing", MESSAGE, SigningReason.Proof)
        })
    }

    @Test
    fun `an unknown key is missing`() = test {
        assertInstanceOf(VaultException.KeyMissing::class.java, failure { Phone().vault.agree("a.sealing", peerPoint) })
    }
}
