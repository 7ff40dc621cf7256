package org.assent.sample.enrol

import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.runBlocking
import org.assent.device.core.EnrolmentState
import org.assent.device.scenarios.otherThan
import org.assent.sample.App
import org.assent.sample.R
import org.assent.sample.accounts.notice
import org.assent.sample.provider
import org.assent.sample.until
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class EnrolTest {
    @Test
    fun `six digits typed on the page make the account active`(): Unit = runBlocking {
        val subject = provider.newUser()
        App().use { app ->
            val screen = app.enrolment()
            screen.enrol(" ${provider.ticket(subject)}\n") // as pasted
            val shown = screen.until { it.content.digits != null }.content
            assertTrue(shown.digits!!.matches(Regex("[0-9]{6}")))
            assertEquals(EnrolmentState.UNCONFIRMED, shown.state)
            val account = app.core.accounts().single()
            assertEquals(account.label, shown.label)
            assertEquals(R.string.account_unconfirmed, notice(account))
            provider.typeDigits(account.id, shown.digits!!)
            assertNull(screen.until { it.content.state == EnrolmentState.ACTIVE }.content.digits)
            assertEquals(listOf(account.id), provider.activeEnrolments(subject))
            assertNull(notice(app.core.accounts().single()))
        }
    }

    @Test
    fun `other digits end it, and the account says so`(): Unit = runBlocking {
        App().use { app ->
            val screen = app.enrolment()
            screen.enrol(provider.ticket(provider.newUser()))
            val digits = screen.until { it.content.digits != null }.content.digits!!
            provider.typeDigits(app.core.accounts().single().id, otherThan(digits), expect = 403)
            screen.until { it.content.state == EnrolmentState.CANCELLED }
            assertEquals(R.string.account_cancelled, notice(app.core.accounts().single()))
        }
    }

    @Test
    fun `a call that ended while the digits were awaited goes on with the same enrolment`(): Unit = runBlocking {
        App().use { app ->
            val screen = app.enrolment()
            val call = screen.enrol(provider.ticket(provider.newUser()))
            val digits = screen.until { it.content.digits != null }.content.digits!!
            call.cancelAndJoin()
            screen.again()
            val account = app.core.accounts().single().id
            provider.typeDigits(account, digits)
            assertNull(screen.until { it.content.state == EnrolmentState.ACTIVE }.problem)
        }
    }

    @Test
    fun `a process that dies meanwhile shows the same digits again`(): Unit = runBlocking {
        App().use { app ->
            val before = app.enrolment()
            before.enrol(provider.ticket(provider.newUser()))
            val digits = before.until { it.content.digits != null }.content.digits!!
            app.restart()
            val account = app.core.accounts().single().id
            val screen = app.enrolment()
            screen.resume(account)
            assertEquals(digits, screen.until { it.content.digits != null }.content.digits)
            provider.typeDigits(account, digits)
            screen.until { it.content.state == EnrolmentState.ACTIVE }
        }
    }

    @Test
    fun `a link of another provider is refused in words of its own`(): Unit = runBlocking {
        App(issuer = "https://id.example.com").use { app ->
            val screen = app.enrolment()
            screen.enrol(provider.ticket(provider.newUser())).join()
            assertEquals(R.string.problem_wrong_issuer, screen.state.value.problem?.text)
            screen.enrol("https://example.com/").join()
            assertEquals(R.string.problem_not_a_ticket, screen.state.value.problem?.text)
            assertEquals(Enrolling(), screen.state.value.content)
        }
    }

    @Test
    fun `a ticket is used once`(): Unit = runBlocking {
        val ticket = provider.ticket(provider.newUser())
        App().use { first ->
            val screen = first.enrolment()
            screen.enrol(ticket)
            screen.until { it.content.digits != null }
            App().use { second ->
                val other = second.enrolment()
                other.enrol(ticket).join()
                assertEquals("refused", other.state.value.problem?.code)
                assertEquals(0, second.core.accounts().size)
            }
        }
    }
}
