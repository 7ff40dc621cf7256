package org.assent.sample.approval

import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import org.assent.device.core.DenyReason
import org.assent.device.core.Outcome
import org.assent.device.core.RequestKind
import org.assent.device.core.Warning
import org.assent.device.scenarios.Keys
import org.assent.device.scenarios.Network
import org.assent.device.scenarios.otherThan
import org.assent.sample.R
import org.assent.sample.Remedy
import org.assent.sample.joined
import org.assent.sample.provider
import org.assent.sample.until
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class ApprovalTest {
    @Test
    fun `what was read to its end and approved gives the client its tokens`(): Unit = runBlocking {
        joined {
            val asked = ask("Pay 20 EUR to Bob")
            app.inbox.sync()
            val waiting = app.inbox.waiting.value.single()
            assertEquals(bank.name to "Pay 20 EUR to Bob", waiting.client to waiting.message)
            val screen = app.approval(waiting)
            val display = screen.state.value.content.display!!
            assertEquals(RequestKind.AUTHENTICATION, display.kind)
            assertEquals(display.allLines.toInt(), display.lines.size)
            assertTrue("Pay 20 EUR to Bob" in display.lines.map { it.value })
            screen.seen(display.lines.size)
            screen.approve().join()
            assertEquals(Outcome.APPROVED, screen.state.value.content.outcome)
            assertEquals("tokens", bank.poll(asked))
            assertEquals(emptyList<Any>(), app.inbox.waiting.value)
            assertEquals(emptySet<String>(), app.board.told)
        }
    }

    @Test
    fun `approving waits for the last line`(): Unit = runBlocking {
        joined {
            val asked = ask()
            app.inbox.sync()
            val screen = app.approval(app.inbox.waiting.value.single())
            val lines = screen.state.value.content.display!!.lines.size
            assertTrue(lines > 1)
            for (seen in 0 until lines) {
                screen.seen(seen)
                assertFalse(screen.state.value.content.mayApprove)
                screen.approve().join()
            }
            assertNull(screen.state.value.content.outcome)
            assertEquals("authorization_pending", bank.poll(asked))
            screen.seen(lines)
            assertTrue(screen.state.value.content.mayApprove)
            screen.seen(0) // scrolled back
            assertTrue(screen.state.value.content.mayApprove)
        }
    }

    @Test
    fun `the digits of the other screen approve, and there must be as many`(): Unit = runBlocking {
        joined("match_code" to true) {
            val asked = ask()
            val screen = app.readApproval()
            assertEquals(2u, screen.state.value.content.display!!.matchCode?.digits)
            assertFalse(screen.state.value.content.mayApprove)
            screen.typed(asked.matchCode!!.take(1))
            assertFalse(screen.state.value.content.mayApprove)
            screen.typed(asked.matchCode!!)
            screen.approve().join()
            assertEquals(Outcome.APPROVED, screen.state.value.content.outcome)
            assertEquals("tokens", bank.poll(asked))
        }
    }

    @Test
    fun `other digits deny`(): Unit = runBlocking {
        joined("match_code" to true) {
            val asked = ask()
            val screen = app.readApproval()
            screen.typed(otherThan(asked.matchCode!!))
            screen.approve().join()
            assertEquals(Outcome.DENIED, screen.state.value.content.outcome)
            assertFalse(screen.state.value.content.mayDeny)
            assertEquals("access_denied", bank.poll(asked))
        }
    }

    @Test
    fun `what has expired cannot be approved, and says so`(): Unit = runBlocking {
        joined {
            val asked = ask("Pay 20 EUR", "requested_expiry" to "10")
            val screen = app.readApproval()
            val soon = screen.state.value.content
            assertTrue(soon.secondsLeft in 1..10, soon.toString())
            assertTrue(soon.mayApprove)
            val expired = screen.until { it.content.secondsLeft == 0L }.content
            assertTrue(Warning.Expired in expired.display!!.warnings)
            assertFalse(expired.mayApprove)
            assertTrue(expired.mayDeny)
            screen.approve().join()
            assertNull(screen.state.value.content.outcome)
            screen.deny(DenyReason.CANCELLED).join() // nothing was approved that it could take back
            assertEquals(R.string.problem_expired, screen.state.value.problem?.text)
            assertNotEquals("tokens", bank.poll(asked))
        }
    }

    @Test
    fun `a wrong clock of the phone does not shorten the time that the core gives`(): Unit = runBlocking {
        joined {
            app.world.clockAhead = 3_600
            ask()
            val content = app.readApproval().state.value.content
            assertEquals(emptyList<Warning>(), content.display!!.warnings.filterNot { it is Warning.UnverifiedClient })
            assertTrue(content.secondsLeft >= 30, content.toString())
            assertTrue(content.mayApprove)
        }
    }

    @Test
    fun `without a network nothing is lost, and the user is asked once`(): Unit = runBlocking {
        joined {
            val asked = ask()
            val screen = app.readApproval()
            app.world.network = Network.DOWN
            screen.approve().join()
            assertEquals(R.string.problem_unreachable to Remedy.TRY_AGAIN, screen.state.value.problem?.run { text to remedy })
            assertNull(screen.state.value.content.outcome)
            app.world.network = Network.UP
            app.world.handset.user(consents = false) // is not asked again
            screen.approve().join()
            assertEquals(Outcome.APPROVED, screen.state.value.content.outcome)
            assertEquals("tokens", bank.poll(asked))
        }
    }

    @Test
    fun `a process that dies before the answer is sent sends it at its next start`(): Unit = runBlocking {
        joined {
            val asked = ask()
            val screen = app.readApproval()
            val dead = app.world.dieBeforeSending()
            screen.approve()
            dead.await()
            app.restart()
            app.world.handset.user(consents = false) // is not asked again
            assertEquals("authorization_pending", bank.poll(asked))
            app.inbox.sync()
            assertEquals(emptyList<Any>(), app.inbox.waiting.value)
            delay(1_100) // a relying party polls once a second
            assertEquals("tokens", bank.poll(asked))
        }
    }

    @Test
    fun `a notification opens its request also in a new process`(): Unit = runBlocking {
        joined {
            val asked = ask()
            app.inbox.sync()
            val told = app.inbox.waiting.value.single()
            assertEquals(setOf(told.id), app.board.told)
            app.restart()
            val screen = app.approval(told)
            screen.seen(screen.state.value.content.display!!.lines.size)
            screen.approve().join()
            assertEquals("tokens", bank.poll(asked))
            assertEquals(emptySet<String>(), app.board.told)
        }
    }

    @Test
    fun `a dialogue that was dismissed sends nothing, and may be had again`(): Unit = runBlocking {
        joined {
            val asked = ask()
            val screen = app.readApproval()
            app.world.handset.user(consents = false)
            screen.approve().join()
            assertEquals(R.string.problem_user_cancelled, screen.state.value.problem?.text)
            assertEquals("authorization_pending", bank.poll(asked))
            app.world.handset.user(consents = true)
            screen.approve().join()
            assertEquals(Outcome.APPROVED, screen.state.value.content.outcome)
            assertNull(screen.state.value.problem)
        }
    }

    @Test
    fun `an invalidated key leads to new keys, and it can still be denied`(): Unit = runBlocking {
        joined {
            val asked = ask()
            val screen = app.readApproval()
            app.world.handset.keys(Keys.INVALIDATED)
            screen.approve().join()
            assertEquals(R.string.problem_key_invalidated to Remedy.NEW_KEYS, screen.state.value.problem?.run { text to remedy })
            screen.deny(DenyReason.CANCELLED).join()
            assertEquals(Outcome.DENIED, screen.state.value.content.outcome)
            assertEquals("access_denied", bank.poll(asked))
        }
    }

    @Test
    fun `what the client took back is told so`(): Unit = runBlocking {
        joined {
            val asked = ask()
            val screen = app.readApproval()
            bank.cancel(asked)
            screen.approve().join()
            assertEquals(R.string.problem_withdrawn, screen.state.value.problem?.text)
            app.inbox.sync()
            assertEquals(emptyList<Any>() to emptySet<String>(), app.inbox.waiting.value to app.board.told)
        }
    }

    @Test
    fun `a second tap while the first is under way is no second call`(): Unit = runBlocking {
        joined {
            val asked = ask()
            val screen = app.readApproval()
            val first = screen.approve()
            assertSame(first, screen.deny(DenyReason.NOT_ME))
            first.join()
            assertEquals("tokens", bank.poll(asked))
        }
    }

    @Test
    fun `several requests of one client warn of each other`(): Unit = runBlocking {
        joined {
            ask("Pay 20 EUR")
            ask("Pay 900 EUR")
            app.inbox.sync()
            assertEquals(setOf("Pay 20 EUR", "Pay 900 EUR"), app.inbox.waiting.value.map { it.message }.toSet())
            for (waiting in app.inbox.waiting.value) {
                assertTrue(Warning.Conflict(1u) in app.approval(waiting).state.value.content.display!!.warnings)
            }
        }
    }
}
