package org.assent.device.android

import android.hardware.biometrics.BiometricPrompt
import android.security.keystore.KeyProperties
import org.assent.device.core.KeyProtection
import org.assent.device.core.KeyPurpose
import org.assent.device.core.SigningReason
import org.assent.device.core.VaultException
import org.assent.device.test
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** What is made, and what a signature needs. */
class AndroidKeyVaultTest {
    @Test
    fun `a device key signs without the user, also while the phone is locked`() = test {
        val phone = Phone()
        val point = phone.device()
        phone.hardware.isLocked = true
        assertTrue(isSigned(point, phone.prove()))
        assertEquals(0, phone.user.asked.size)
        phone.spec("device").run {
            assertEquals(KeyProperties.PURPOSE_SIGN, purposes)
            assertEquals(listOf(KeyProperties.DIGEST_SHA256), digests.toList())
            assertFalse(isUserAuthenticationRequired || isUnlockedDeviceRequired || isStrongBoxBacked)
        }
    }

    @Test
    fun `a biometric key asks for a finger at every use and for nothing else`() = test {
        val phone = Phone()
        val point = phone.verified()
        repeat(2) { assertTrue(isSigned(point, phone.approve())) }
        assertEquals(List(2) { KeyProtection.BIOMETRIC }, phone.user.asked.toList())
        assertEquals("Approve for Example Bank", phone.user.read.first().title)
        phone.spec("verified").run {
            assertTrue(isUserAuthenticationRequired && isInvalidatedByBiometricEnrollment)
            assertEquals(0, userAuthenticationValidityDurationSeconds)
            assertEquals(KeyProperties.AUTH_BIOMETRIC_STRONG, userAuthenticationType)
        }
    }

    @Test
    fun `a credential key takes the finger and the screen lock and survives new fingers`() = test {
        val phone = Phone()
        val point = phone.verified(KeyProtection.CREDENTIAL)
        assertTrue(isSigned(point, phone.approve()))
        phone.user.does = phone.user::types
        phone.hardware.addBiometric()
        assertTrue(isSigned(point, phone.approve()))
        assertEquals(List(2) { KeyProtection.CREDENTIAL }, phone.user.asked.toList())
        phone.spec("verified").run {
            assertEquals(0, userAuthenticationValidityDurationSeconds)
            assertEquals(KeyProperties.AUTH_BIOMETRIC_STRONG or KeyProperties.AUTH_DEVICE_CREDENTIAL, userAuthenticationType)
        }
    }

    @Test
    fun `before Android 11 a credential key takes the finger alone, and survives new ones`() = test {
        val phone = Phone(level = 29)
        val point = phone.verified(KeyProtection.CREDENTIAL)
        phone.hardware.addBiometric()
        assertTrue(isSigned(point, phone.approve()))
        assertEquals(listOf(KeyProtection.BIOMETRIC), phone.user.asked.toList())
        phone.hardware.hasBiometric = false
        assertInstanceOf(VaultException.Unavailable::class.java, failure { phone.verified(KeyProtection.CREDENTIAL) })
    }

    @Test
    fun `before Android 11 a biometric key dies by new fingers`() = test {
        val phone = Phone(level = 29)
        val point = phone.verified()
        assertTrue(isSigned(point, phone.approve()))
        phone.hardware.addBiometric()
        assertInstanceOf(VaultException.KeyInvalidated::class.java, failure { phone.approve() })
    }

    @Test
    fun `every use of a verified key asks, whatever it is for`() = test {
        val phone = Phone()
        val point = phone.verified()
        for (reason in listOf(SigningReason.Enrolment, SigningReason.Rotation, SigningReason.Unblock("shop"))) {
            assertTrue(isSigned(point, phone.vault.sign("a.verified", MESSAGE, reason)))
        }
        assertEquals(listOf("Add this phone", "Renew the keys", "Let shop ask again"), phone.user.read.map { it.title })
    }

    @Test
    fun `a dialogue that unlocked nothing, or another signature, gives no signature`() = test {
        val phone = Phone()
        phone.verified()
        phone.user.does = { signature, _, answer ->
            answer.onAuthenticationSucceeded(BiometricPrompt.AuthenticationResult(BiometricPrompt.CryptoObject(signature), 2))
        }
        assertTrue("not authenticated" in detail { phone.approve() })
        phone.user.does = { _, _, answer -> answer.onAuthenticationSucceeded(BiometricPrompt.AuthenticationResult(null, 2)) }
        assertEquals("the dialogue unlocked no signature", detail { phone.approve() })
    }

    @Test
    fun `new fingers invalidate a biometric key for good and no other`() = test {
        val phone = Phone()
        phone.verified()
        val device = phone.device()
        phone.hardware.addBiometric()
        repeat(2) { assertInstanceOf(VaultException.KeyInvalidated::class.java, failure { phone.approve() }) }
        assertEquals(0, phone.user.asked.size)
        assertTrue(isSigned(device, phone.prove()))
        assertTrue(isSigned(phone.verified(), phone.approve()))
    }

    @Test
    fun `a verified key that the system destroyed with the screen lock counts as invalidated`() = test {
        val phone = Phone()
        phone.verified(KeyProtection.CREDENTIAL)
        val device = phone.device()
        phone.hardware.removeScreenLock()
        assertInstanceOf(VaultException.KeyInvalidated::class.java, failure { phone.approve() })
        assertTrue(isSigned(device, phone.prove()))
    }

    @Test
    fun `keys that were never on this phone, or were deleted, are missing`() = test {
        val phone = Phone()
        assertInstanceOf(VaultException.KeyMissing::class.java, failure { phone.prove() })
        assertInstanceOf(VaultException.KeyMissing::class.java, failure { phone.approve() })
        phone.device()
        phone.verified()
        for (alias in listOf("a.device", "a.verified", "a.device", "unknown")) phone.vault.delete(alias)
        assertInstanceOf(VaultException.KeyMissing::class.java, failure { phone.prove() })
        assertInstanceOf(VaultException.KeyMissing::class.java, failure { phone.approve() })
        assertEquals(emptySet<String>(), phone.hardware.names)
    }

    @Test
    fun `deleting works on old key stores, which refuse to delete what they do not have`() = test {
        val phone = Phone(level = 28)
        phone.device()
        repeat(2) { phone.vault.delete("a.device") }
        assertEquals(emptySet<String>(), phone.hardware.names)
    }

    @Test
    fun `what may pass leaves the key unavailable, and usable afterwards`() = test {
        for (level in listOf(28, 34, 35)) {
            val phone = Phone(level, VaultOptions(unlockedDeviceRequired = true))
            val point = phone.verified()
            phone.hardware.busy("assent.key.a.verified", true)
            assertTrue("busy" in detail { phone.approve() })
            phone.hardware.busy("assent.key.a.verified", false)
            phone.hardware.isLocked = true
            assertTrue("locked" in detail { phone.approve() })
            phone.hardware.isLocked = false
            assertTrue(isSigned(point, phone.approve()))
        }
    }

    @Test
    fun `before Android 15, which knows every way to unlock a phone, verified keys do not ask whether it is unlocked`() = test {
        for ((level, isRequired) in mapOf(28 to false, 31 to false, 34 to false, 35 to true, 36 to true)) {
            val phone = Phone(level)
            phone.verified()
            assertEquals(isRequired, phone.spec("verified").isUnlockedDeviceRequired, "$level")
        }
    }

    @Test
    fun `a key store that is busy loses no key, deletes none and makes none in its place`() = test {
        for (level in listOf(28, 31, 34)) {
            val phone = Phone(level)
            val point = phone.device()
            phone.hardware.busy("assent.key.a.device", true)
            assertTrue("busy" in detail { phone.prove() })
            assertTrue("busy" in detail { phone.vault.delete("a.device") })
            assertTrue("busy" in detail { phone.device() })
            phone.hardware.busy("assent.key.a.device", false)
            assertTrue(isSigned(point, phone.prove()))
        }
    }

    @Test
    fun `verified keys work on a locked phone where the app says so`() = test {
        val phone = Phone(level = 35, VaultOptions(unlockedDeviceRequired = false))
        val point = phone.verified()
        phone.hardware.isLocked = true
        assertTrue(isSigned(point, phone.approve()))
    }

    @Test
    fun `without a finger, or without a screen lock, no key of that kind is made`() = test {
        val phone = Phone()
        phone.hardware.hasBiometric = false
        assertTrue("At least one biometric" in detail { phone.verified() })
        phone.verified(KeyProtection.CREDENTIAL)
        phone.hardware.hasScreenLock = false
        assertTrue("Secure lock screen" in detail { phone.verified(KeyProtection.CREDENTIAL) })
        assertEquals(emptySet<String>(), phone.hardware.names)
    }

    @Test
    fun `a key takes the place of one under the same alias, of whatever purpose`() = test {
        val phone = Phone()
        val first = phone.device()
        val second = phone.device()
        assertFalse(isSigned(first, phone.prove()))
        assertTrue(isSigned(second, phone.prove()))
        phone.vault.generate("a.device", KeyPurpose.SEALING, KeyProtection.CREDENTIAL)
        assertInstanceOf(VaultException.Unavailable::class.java, failure { phone.prove() })
    }

    @Test
    fun `keys are in StrongBox where the app prefers it and the phone has it`() = test {
        val phone = Phone(options = VaultOptions(StrongBox.PREFER))
        assertTrue(isSigned(phone.verified(), phone.approve()))
        assertFalse(phone.spec("verified").isStrongBoxBacked)
        phone.hardware.hasStrongBox = true
        phone.device()
        phone.verified()
        phone.sealing()
        assertEquals(listOf(true, true, false), listOf("device", "verified", "sealing").map { phone.spec(it).isStrongBoxBacked })
    }

    @Test
    fun `no key is made outside StrongBox where the app requires it`() = test {
        val phone = Phone(options = VaultOptions(StrongBox.REQUIRE))
        assertInstanceOf(VaultException.Unavailable::class.java, failure { phone.device() })
        assertEquals(emptySet<String>(), phone.hardware.names)
        phone.hardware.hasStrongBox = true
        phone.device()
        assertTrue(phone.spec("device").isStrongBoxBacked)
    }

    @Test
    fun `a phone with StrongBox does not use it unasked`() = test {
        val phone = Phone()
        phone.hardware.hasStrongBox = true
        phone.device()
        assertFalse(phone.spec("device").isStrongBoxBacked)
    }
}

internal inline fun detail(call: () -> Unit): String =
    assertInstanceOf(VaultException.Unavailable::class.java, failure(call)).detail
