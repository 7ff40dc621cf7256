package org.assent.device.android

import android.hardware.biometrics.BiometricPrompt
import android.os.CancellationSignal
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import org.assent.device.core.VaultException
import org.assent.device.test
import org.assent.device.until
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** What becomes of a dialogue; that the platform shows one needs a phone. */
class BiometricPrompterTest {
    private val errors = BiometricPrompt::class.java.fields
        .filter { it.name.startsWith("BIOMETRIC_ERROR_") && it.type == Int::class.java }
        .associate { it.name.removePrefix("BIOMETRIC_ERROR_") to it.getInt(null) }

    @Test
    fun `who goes back, or takes the button, has cancelled`() = test {
        val phone = Phone()
        phone.verified()
        phone.user.does = phone.user::goesBack
        assertInstanceOf(VaultException.UserCancelled::class.java, failure { phone.approve() })
        phone.user.does = { _, _, answer -> answer.dismissed() }
        assertInstanceOf(VaultException.UserCancelled::class.java, failure { phone.approve() })
    }

    @Test
    fun `every other error of the platform leaves the key unavailable`() = test {
        val phone = Phone()
        phone.verified()
        val others = errors - "USER_CANCELED"
        val known = setOf("LOCKOUT", "LOCKOUT_PERMANENT", "NO_BIOMETRICS", "HW_UNAVAILABLE", "TIMEOUT", "CANCELED")
        assertEquals(emptySet<String>(), known - others.keys)
        for ((name, code) in others) {
            phone.user.does = { _, _, answer -> answer.onAuthenticationError(code, "as it is said to the user") }
            assertEquals("biometric error $code: as it is said to the user", detail { phone.approve() }, name)
        }
    }

    @Test
    fun `a finger that is not known leaves the dialogue open`() = test {
        val phone = Phone()
        val point = phone.verified()
        phone.user.does = { signature, cancellation, answer ->
            answer.onAuthenticationFailed()
            phone.user.touches(signature, cancellation, answer)
        }
        assertTrue(isSigned(point, phone.approve()))
    }

    @Test
    fun `the first answer counts`() = test {
        val phone = Phone()
        val point = phone.verified()
        phone.user.does = { signature, cancellation, answer ->
            phone.user.touches(signature, cancellation, answer)
            answer.dismissed()
            answer.onAuthenticationError(BiometricPrompt.BIOMETRIC_ERROR_CANCELED, null)
        }
        assertTrue(isSigned(point, phone.approve()))
        phone.user.does = { signature, cancellation, answer ->
            answer.dismissed()
            phone.user.touches(signature, cancellation, answer)
        }
        assertInstanceOf(VaultException.UserCancelled::class.java, failure { phone.approve() })
    }

    @Test
    fun `cancelling the call takes the dialogue away, and what is said to it after that changes nothing`() = test {
        val phone = Phone()
        val point = phone.verified()
        val shown = CompletableDeferred<Pair<CancellationSignal, Answer>>()
        phone.user.does = { _, cancellation, answer -> shown.complete(cancellation to answer) }
        val approving = async(Dispatchers.Default) { phone.approve() }
        val (cancellation, answer) = shown.await()
        assertEquals(false, cancellation.isCanceled)
        approving.cancel()
        until { cancellation.isCanceled }
        answer.onAuthenticationError(BiometricPrompt.BIOMETRIC_ERROR_CANCELED, null)
        approving.join()
        phone.user.does = phone.user::touches
        assertTrue(isSigned(point, phone.approve()))
    }

    @Test
    fun `a dialogue has a title and a word for its button`() {
        assertThrows(IllegalArgumentException::class.java) { PromptText(" ", "Not now") }
        assertThrows(IllegalArgumentException::class.java) { PromptText("Approve", "") }
    }
}
