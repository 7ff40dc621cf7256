package org.assent.sample.accounts

import kotlinx.coroutines.runBlocking
import org.assent.device.core.EnrolmentState
import org.assent.device.core.RevocationReason
import org.assent.device.core.RotationState
import org.assent.device.core.Account
import org.assent.device.scenarios.Keys
import org.assent.device.scenarios.Network
import org.assent.sample.R
import org.assent.sample.Remedy
import org.assent.sample.joined
import org.assent.sample.problemOf
import org.assent.sample.provider
import org.assent.sample.until
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class AccountsTest {
    @Test
    fun `while the app is in front, requests appear and go without any push`(): Unit = runBlocking {
        joined {
            val screen = app.accounts()
            screen.opened()
            screen.until { it.content.accounts.size == 1 && !it.busy }
            val asked = ask()
            screen.until { it.content.waiting.size == 1 }
            bank.cancel(asked)
            screen.until { it.content.waiting.isEmpty() }
            assertEquals(emptySet<String>(), app.board.told) // who looks at the list needs no notification
            screen.left()
        }
    }

    @Test
    fun `what is stored and cannot be read is given up by the user, and the screen goes on`(): Unit = runBlocking {
        joined {
            app.damaged = true
            app.restart()
            val screen = app.accounts()
            screen.opened().join()
            assertEquals(Remedy.START_ANEW, screen.state.value.problem?.remedy)
            screen.startAnew()
            screen.until { !it.busy && it.problem == null }
            assertEquals(emptyList<Account>(), screen.state.value.content.accounts)
            app.join(subject)
            screen.opened()
            screen.until { it.content.accounts.size == 1 && !it.busy }
            ask()
            screen.until { it.content.waiting.size == 1 }
            screen.left()
        }
    }

    @Test
    fun `an account that cannot be reached is told so, and comes back by itself`(): Unit = runBlocking {
        joined {
            app.world.network = Network.DOWN
            val screen = app.accounts()
            screen.opened()
            val shown = screen.until { it.content.problems.isNotEmpty() }.content
            assertEquals(R.string.problem_unreachable, notice(shown.accounts.single(), shown.problems[account]))
            app.world.network = Network.UP
            screen.until { it.content.problems.isEmpty() }
            screen.left()
        }
    }

    @Test
    fun `a phone that an operator revoked is told so, and the account can be taken off`(): Unit = runBlocking {
        joined {
            provider.revoke(subject, account)
            app.inbox.sync()
            val revoked = app.core.accounts().single()
            assertEquals(RevocationReason.OPERATOR, revoked.revoked)
            assertEquals(R.string.revoked_by_operator, notice(revoked))
            val screen = app.account(account)
            screen.wipe().join()
            assertTrue(screen.state.value.content.gone)
            assertEquals(0, app.core.accounts().size)
        }
    }

    @Test
    fun `suspended phones are told why`() {
        val account = Account("id", "https://id.example.com", "a•••a", EnrolmentState.REVOKED, RevocationReason.CLONED)
        assertEquals(R.string.suspended_cloned, notice(account))
        assertEquals(R.string.suspended_disputed, notice(account.copy(revoked = RevocationReason.DISPUTED)))
        val active = account.copy(state = EnrolmentState.ACTIVE, revoked = null)
        assertEquals(R.string.problem_suspended, notice(active, problemOf("suspended")))
        assertNull(notice(active))
    }

    @Test
    fun `an account that is left is gone on both sides`(): Unit = runBlocking {
        joined {
            val screen = app.account(account)
            screen.open().join()
            assertEquals(account, screen.state.value.content.account?.id)
            app.world.network = Network.DOWN
            screen.forget().join()
            assertEquals("unreachable", screen.state.value.problem?.code)
            app.world.network = Network.UP
            screen.forget().join()
            assertTrue(screen.state.value.content.gone)
            assertEquals(emptyList<String>(), provider.activeEnrolments(subject))
        }
    }

    @Test
    fun `a new key is made with the old one's consent, and works`(): Unit = runBlocking {
        joined {
            val screen = app.account(account)
            screen.renewKeys().join()
            assertEquals(RotationState.DONE, screen.state.value.content.rotation)
            ask()
            val approval = app.readApproval()
            approval.approve().join()
            assertNull(approval.state.value.problem)
        }
    }

    @Test
    fun `in place of an invalidated key, a new one awaits another phone or a new sign-in`(): Unit = runBlocking {
        joined {
            app.world.handset.keys(Keys.INVALIDATED)
            val screen = app.account(account)
            screen.renewKeys().join()
            assertEquals(RotationState.AWAITING, screen.state.value.content.rotation)
        }
    }

    @Test
    fun `an account that was restored without its keys must be added again`(): Unit = runBlocking {
        joined {
            app.world.handset.keys(Keys.LOST)
            app.restart()
            app.inbox.sync()
            assertEquals(Remedy.ENROL_AGAIN, app.inbox.problems.value[account]?.remedy)
            assertEquals(R.string.problem_keys_lost, notice(app.core.accounts().single(), app.inbox.problems.value[account]))
        }
    }
}
