package org.assent.sample.approval

import kotlinx.coroutines.runBlocking
import org.assent.device.core.BlockPeriod
import org.assent.device.core.DenyReason
import org.assent.device.core.Outcome
import org.assent.device.scenarios.Refused
import org.assent.sample.joined
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class DenialTest {
    @Test
    fun `a denial needs neither the last line nor the user's finger`(): Unit = runBlocking {
        joined {
            val asked = ask()
            app.inbox.sync()
            val screen = app.approval(app.inbox.waiting.value.single())
            app.world.handset.user(consents = false)
            screen.deny(DenyReason.CANCELLED).join()
            assertEquals(Outcome.DENIED, screen.state.value.content.outcome)
            assertFalse(screen.state.value.content.mayBlock)
            assertEquals("access_denied", bank.poll(asked))
        }
    }

    @Test
    fun `after 'I did not start this' the client can be blocked, and let in again`(): Unit = runBlocking {
        joined {
            ask()
            val screen = app.readApproval()
            screen.deny(DenyReason.NOT_ME).join()
            assertTrue(screen.state.value.content.mayBlock)
            screen.block(BlockPeriod.UNTIL_LIFTED).join()
            assertFalse(screen.state.value.content.mayBlock)
            assertThrows<Refused> { ask() }

            val list = app.blocked(account)
            list.open().join()
            val blocked = list.state.value.content.single()
            assertEquals(bank.id to bank.name, blocked.client to blocked.name)
            assertNull(blocked.until)
            app.world.handset.user(consents = false)
            list.unblock(blocked).join()
            assertEquals("user_cancelled", list.state.value.problem?.code)
            app.world.handset.user(consents = true)
            list.unblock(blocked).join()
            assertEquals(emptyList<Any>(), list.state.value.content)
            ask()
        }
    }

    @Test
    fun `the reason stands in the history`(): Unit = runBlocking {
        joined {
            ask()
            app.readApproval().deny(DenyReason.WRONG_DETAILS).join()
            val history = app.history(account)
            history.open().join()
            val entry = history.state.value.content.entries.single()
            assertEquals(Outcome.DENIED to true, entry.outcome to entry.onThisPhone)
            assertEquals("WRONG_DETAILS", entry.reason?.name)
        }
    }
}
