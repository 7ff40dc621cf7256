package org.assent.sample.history

import kotlinx.coroutines.runBlocking
import org.assent.device.core.Outcome
import org.assent.device.scenarios.Network
import org.assent.sample.R
import org.assent.sample.Remedy
import org.assent.sample.accounts.notice
import org.assent.sample.joined
import org.assent.sample.until
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test

class HistoryTest {
    @Test
    fun `'this was not me' before the tokens takes the approval back`(): Unit = runBlocking {
        joined {
            val asked = ask("Pay 20 EUR")
            app.readApproval().approve().join()
            val screen = app.history(account)
            screen.open().join()
            val entry = screen.state.value.content.entries.single()
            assertEquals("Pay 20 EUR" to Outcome.APPROVED, entry.message to entry.outcome)
            assertNotNull(entry.prompt)
            screen.wasNotMe(entry).join()
            assertEquals(Outcome.DENIED, screen.state.value.content.objected)
            assertEquals("access_denied", bank.poll(asked))
        }
    }

    @Test
    fun `what could not be fetched is fetched when the user tries again`(): Unit = runBlocking {
        joined {
            ask()
            app.readApproval().approve().join()
            app.world.network = Network.DOWN
            val screen = app.history(account)
            screen.open().join()
            assertEquals(Remedy.TRY_AGAIN, screen.state.value.problem?.remedy)
            app.world.network = Network.UP
            screen.again()
            assertEquals(1, screen.until { !it.busy }.content.entries.size)
            assertNull(screen.state.value.problem)
        }
    }

    @Test
    fun `after the tokens it is a dispute, and the phone that approved is suspended`(): Unit = runBlocking {
        joined {
            val asked = ask()
            app.readApproval().approve().join()
            assertEquals("tokens", bank.poll(asked))
            val screen = app.history(account)
            screen.open().join()
            screen.wasNotMe(screen.state.value.content.entries.single()).join()
            assertEquals(Outcome.DISPUTED, screen.state.value.content.objected)
            assertEquals("suspended" to Remedy.ENROL_AGAIN, screen.state.value.problem?.run { code to remedy })
            app.inbox.sync()
            val suspended = app.core.accounts().single()
            assertEquals(R.string.suspended_disputed, notice(suspended, app.inbox.problems.value[account]))
        }
    }
}
