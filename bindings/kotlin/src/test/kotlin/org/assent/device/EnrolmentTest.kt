package org.assent.device

import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.async
import kotlinx.coroutines.delay
import org.assent.device.core.Advice
import org.assent.device.core.DeviceException
import org.assent.device.core.EnrolmentState
import org.assent.device.core.PushTarget
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

/** How a phone comes to an account, and leaves it. */
class EnrolmentTest {
    @Test
    fun `the digits typed on the page activate the phone`() = test {
        val app = App()
        val enrolment = app.core.enrol(app.provider.ticket(app.subject), INFO, PushTarget.None)
        assertTrue(enrolment.digits()!!.matches(Regex("[0-9]{6}")))
        val ended = async { app.core.awaitEnrolment(enrolment.account(), 50.milliseconds) }
        delay(150.milliseconds)
        assertFalse(ended.isCompleted)
        app.provider.typeDigits(enrolment.account(), enrolment.digits()!!)
        assertEquals(EnrolmentState.ACTIVE, ended.await())
        assertEquals(listOf(enrolment.account()), app.provider.activeEnrolments(app.subject))
    }

    @Test
    fun `a ticket of an issuer that is not listed is refused before any call`() = test {
        val app = App("https://op.example")
        app.send = { throw AssertionError("nothing is to be sent") }
        val refused = assertThrows<DeviceException.WrongIssuer> {
            app.core.enrol(app.provider.ticket(app.subject), INFO, PushTarget.None)
        }
        assertEquals("wrong_issuer", refused.code)
        assertEquals(Advice.Never to null, refused.advice to refused.retryAfter)
    }

    @Test
    fun `half of a pair of surrogates is no way out of typed errors`() = test {
        val app = App()
        assertEquals("not_a_ticket", codeOf { app.core.enrol("\uD83D", INFO, PushTarget.None) })
    }

    @Test
    fun `a forgotten account is gone on both sides, and its keys with it`() = test {
        val app = App().join()
        assertTrue(app.folder.resolve("keys").list()!!.isNotEmpty())
        app.core.forget(app.account)
        assertEquals(emptyList<Any>(), app.core.accounts())
        assertEquals(emptyList<String>(), app.folder.resolve("keys").list()!!.toList())
        assertEquals(emptyList<String>(), app.provider.activeEnrolments(app.subject))
    }
}
