package org.assent.device.android

import java.security.MessageDigest
import java.util.HexFormat
import kotlinx.coroutines.runBlocking
import org.assent.device.INFO
import org.assent.device.android.phone.AndroidKeyStore
import org.assent.device.android.phone.Attesting
import org.assent.device.android.phone.Hardware
import org.assent.device.android.phone.User
import org.assent.device.android.phone.certificate
import org.assent.device.android.phone.phonePorts
import org.assent.device.android.phone.prompter
import org.assent.device.code
import org.assent.device.core.AttestationRequest
import org.assent.device.core.AttestorException
import org.assent.device.core.DeviceCore
import org.assent.device.core.DeviceException
import org.assent.device.core.EnrolmentState
import org.assent.device.core.KeyProtection
import org.assent.device.core.KeyPurpose
import org.assent.device.core.PlatformEvidence
import org.assent.device.core.PushTarget
import org.assent.device.core.Settings
import org.assent.device.newFolder
import org.assent.device.test
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

private val REQUEST = AttestationRequest("a.device", "a.verified", ByteArray(32))

class AttestationTest {
    private fun challenge(text: String) = MessageDigest.getInstance("SHA-256").digest(text.toByteArray())

    private suspend fun prepared(phone: Phone): AndroidAttestor {
        val attestor = AndroidAttestor(phone.vault)
        attestor.prepare("a.device", challenge("device"))
        phone.device()
        attestor.prepare("a.verified", challenge("verified"))
        phone.verified()
        return attestor
    }

    @Test
    fun `both chains are handed over leaf first, each over its own challenge and for its own key`() = test {
        val phone = Phone()
        val attestor = AndroidAttestor(phone.vault)
        attestor.prepare("a.device", challenge("device"))
        attestor.prepare("a.verified", challenge("verified"))
        val points = mapOf("verified" to phone.verified(), "device" to phone.device())
        val evidence = assertInstanceOf(PlatformEvidence.AndroidKey::class.java, attestor.attest(REQUEST))
        for ((purpose, sent) in mapOf("device" to evidence.device, "verified" to evidence.verified)) {
            val chain = sent.map(::certificate)
            assertArrayEquals(challenge(purpose), phone.spec(purpose).attestationChallenge)
            val description = chain[0].getExtensionValue("1.3.6.1.4.1.11129.2.1.17")
            assertTrue(challenge(purpose).toHex() in description.toHex(), purpose)
            assertEquals(keyAt(points.getValue(purpose)), chain[0].publicKey)
            assertEquals(phone.hardware.authority.root, chain.last())
            chain.zipWithNext { below, above -> below.verify(above.publicKey) }
        }
    }

    @Test
    fun `a challenge counts for one key, and the sealing key has none`() = test {
        val phone = Phone()
        prepared(phone)
        phone.sealing()
        assertNull(phone.spec("sealing").attestationChallenge)
        phone.device()
        assertNull(phone.spec("device").attestationChallenge)
    }

    @Test
    fun `keys that are not attested, one of them or both, are no evidence`() = test {
        val phone = Phone()
        val attestor = prepared(phone)
        phone.device()
        assertEquals(PlatformEvidence.None, attestor.attest(REQUEST))
        assertEquals(PlatformEvidence.None, attestor.attest(AttestationRequest("unknown", "a.verified", ByteArray(32))))
    }

    @Test
    fun `a chain that cannot be read now is a failure and not a phone without evidence`() = test {
        for (level in listOf(28, 34)) {
            val phone = Phone(level)
            val attestor = prepared(phone)
            phone.hardware.busy("assent.key.a.device", true)
            assertThrows(AttestorException.Failed::class.java) { runBlocking { attestor.attest(REQUEST) } }
        }
    }

    @Test
    fun `a phone that cannot attest makes its keys all the same`() = test {
        val phone = Phone()
        phone.hardware.attesting = Attesting.NEVER
        val attestor = prepared(phone)
        assertTrue(isSigned(phone.device(), phone.prove()))
        assertEquals(PlatformEvidence.None, attestor.attest(REQUEST))
    }

    @Test
    fun `a phone that has yet to fetch what it attests by makes no key now`() = test {
        val phone = Phone()
        phone.hardware.attesting = Attesting.NOT_NOW
        val attestor = AndroidAttestor(phone.vault)
        attestor.prepare("a.device", challenge("device"))
        assertTrue("no attestation keys yet" in detail { phone.device() })
        assertEquals(emptySet<String>(), phone.hardware.names)
    }

    @Test
    fun `attested keys in StrongBox say so, and those that fall back keep their challenge`() = test {
        val phone = Phone(options = VaultOptions(StrongBox.PREFER))
        prepared(phone)
        assertArrayEquals(challenge("verified"), phone.spec("verified").attestationChallenge)
        phone.hardware.hasStrongBox = true
        prepared(phone)
        assertArrayEquals(challenge("verified"), phone.spec("verified").attestationChallenge)
        assertTrue(phone.spec("verified").isStrongBoxBacked)
    }

    private fun where(phone: Phone) = phone.spec("verified").run { isStrongBoxBacked to (attestationChallenge != null) }

    @Test
    fun `a preferred StrongBox that does not attest, or makes no key, leaves it to hardware that attests`() = test {
        for (level in listOf(31, 34)) {
            for (failing in listOf(Attesting.NEVER, Attesting.BROKEN)) {
                val phone = Phone(level, VaultOptions(StrongBox.PREFER))
                phone.hardware.hasStrongBox = true
                phone.hardware.strongBoxAttesting = failing
                prepared(phone)
                assertEquals(false to true, where(phone), "$level $failing")
                phone.hardware.attesting = Attesting.NEVER
                prepared(phone)
                assertEquals(false to false, where(phone), "$level $failing")
            }
        }
    }

    @Test
    fun `a preferred StrongBox that has yet to fetch certificates makes no key now, nor does anything else`() = test {
        val phone = Phone(options = VaultOptions(StrongBox.PREFER))
        phone.hardware.hasStrongBox = true
        phone.hardware.strongBoxAttesting = Attesting.NOT_NOW
        AndroidAttestor(phone.vault).prepare("a.device", challenge("device"))
        assertTrue("no attestation keys yet" in detail { phone.device() })
        assertEquals(emptySet<String>(), phone.hardware.names)
    }

    @Test
    fun `a required StrongBox that does not attest makes the key without, and in StrongBox`() = test {
        val phone = Phone(options = VaultOptions(StrongBox.REQUIRE))
        phone.hardware.hasStrongBox = true
        phone.hardware.strongBoxAttesting = Attesting.NEVER
        prepared(phone)
        assertEquals(true to false, where(phone))
    }

    @Test
    fun `before Android 13 one failure leaves a key attested, and a second does not`() = test {
        val phone = Phone(level = 32)
        val attestor = AndroidAttestor(phone.vault)
        for ((stumbles, isAttested) in mapOf(1 to true, 2 to false)) {
            attestor.prepare("a.verified", challenge("verified"))
            phone.hardware.stumbles.set(stumbles)
            phone.verified()
            assertEquals(false to isAttested, where(phone))
        }
    }

    private suspend fun enrol(provider: DemandingProvider, hardware: Hardware, name: String, options: VaultOptions): String {
        val ports = phonePorts(AndroidKeyStore.on(hardware), newFolder(), prompter(User(hardware)), options)
        val subject = provider.newUser(name)
        DeviceCore(Settings(listOf(provider.issuer), development = true), ports).use { core ->
            core.enrol(provider.ticket(subject), INFO, PushTarget.None).use { enrolment ->
                provider.typeDigits(enrolment.account(), enrolment.digits()!!)
                check(enrolment.refresh() == EnrolmentState.ACTIVE)
            }
        }
        return subject
    }

    @Test
    fun `a provider that demands attestation takes the phone, with keys of either kind, and sees where they live`() = test {
        for (kind in listOf("biometric", "credential")) {
            val hardware = Hardware().apply { hasStrongBox = true }
            DemandingProvider(hardware.authority.root, kind).use { provider ->
                val places = mapOf(VaultOptions() to "trusted_environment", VaultOptions(StrongBox.PREFER) to "strongbox")
                for ((options, place) in places) {
                    val device = provider.device(enrol(provider, hardware, place, options))
                    for (level in listOf("level", "verified_level")) assertEquals("attested", device[level].asString, "$device")
                    val told = device["attestation"].asJsonObject
                    assertEquals("android-key", told["format"].asString)
                    assertEquals(place.filter { it.isLetter() }, told["security_level"].asString.filter { it.isLetter() })
                }
            }
        }
    }

    @Test
    fun `a provider that demands attestation refuses a phone without, and one of another maker`() = test {
        val hardware = Hardware()
        DemandingProvider(hardware.authority.root, "biometric").use { provider ->
            val others = mapOf("unable" to Hardware().apply { attesting = Attesting.NEVER }, "foreign" to Hardware())
            for ((name, other) in others) {
                val refused = assertThrows(DeviceException::class.java) {
                    runBlocking { enrol(provider, other, name, VaultOptions()) }
                }
                assertEquals("refused", refused.code, "$name: $refused")
            }
        }
    }

    private fun ByteArray.toHex() = HexFormat.of().formatHex(this)
}
