package org.assent.sample.accounts

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import org.assent.device.core.Account
import org.assent.device.core.DeviceCore
import org.assent.device.core.DeviceException
import org.assent.device.core.EnrolmentState
import org.assent.device.core.PushTarget
import org.assent.device.core.RevocationReason
import org.assent.sample.Inbox
import org.assent.sample.Presenter
import org.assent.sample.Problem
import org.assent.sample.R
import org.assent.sample.Waiting

/**
 * The first screen.
 *
 * @property accounts all accounts on this phone, oldest first.
 * @property waiting what awaits the user.
 * @property problems what hinders an account, by its id.
 */
data class Overview(
    val accounts: List<Account> = emptyList(),
    val waiting: List<Waiting> = emptyList(),
    val problems: Map<String, Problem> = emptyMap(),
)

/** What the user must be told of an account, as a string resource; `null` where it is as it should be. */
fun notice(account: Account, problem: Problem? = null): Int? = when (account.revoked) {
    RevocationReason.OPERATOR -> R.string.revoked_by_operator
    RevocationReason.USER -> R.string.revoked_by_user
    RevocationReason.DISPUTED -> R.string.suspended_disputed
    RevocationReason.CLONED -> R.string.suspended_cloned
    null -> when (account.state) {
        EnrolmentState.UNCONFIRMED -> R.string.account_unconfirmed
        EnrolmentState.CANCELLED -> R.string.account_cancelled
        EnrolmentState.REVOKED -> R.string.problem_revoked
        EnrolmentState.ACTIVE -> problem?.text
    }
}

/** Lists accounts and what waits. */
class AccountsPresenter(
    private val core: DeviceCore,
    private val inbox: Inbox,
    private val push: () -> PushTarget?,
    scope: CoroutineScope,
) : Presenter<Overview>(Overview(), scope) {
    private var watching: Job? = null

    init {
        scope.launch { inbox.waiting.collect { waiting -> show { it.copy(waiting = waiting) } } }
        scope.launch { inbox.problems.collect { problems -> show { it.copy(problems = problems) } } }
    }

    /** The app came to the front: catches up, then asks as long as it stays there. */
    fun opened(): Job = follow {}

    /** Forgets what is stored and cannot be read, and goes on as if the app had just come to the front. */
    fun startAnew(): Job = follow { core.discardDamagedState() }

    /** The app left the front. */
    fun left() {
        watching?.cancel()
    }

    override fun again() {
        opened()
    }

    private fun follow(first: suspend () -> Unit): Job {
        val before = watching
        return scope.launch {
            before?.cancelAndJoin()
            attempt { catchUp(first) }.join()
            try {
                inbox.watch()
            } catch (failure: DeviceException) {
                failed(failure)
            }
        }.also { watching = it }
    }

    private suspend fun catchUp(first: suspend () -> Unit) {
        first()
        look()
        inbox.sync(push())
        look()
    }

    private suspend fun look() {
        val accounts = core.accounts()
        show { it.copy(accounts = accounts) }
    }
}
