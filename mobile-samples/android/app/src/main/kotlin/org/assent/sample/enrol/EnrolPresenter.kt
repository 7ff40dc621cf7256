package org.assent.sample.enrol

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import org.assent.device.awaitEnrolment
import org.assent.device.core.DeviceCore
import org.assent.device.core.DeviceInfo
import org.assent.device.core.EnrolmentState
import org.assent.device.core.PushTarget
import org.assent.sample.Presenter

/**
 * Joining an account.
 *
 * @property label the account as the server masks it, once it is known.
 * @property digits what the user types on the page that showed the ticket, as long as that is of use.
 * @property state where the enrolment stands; `null` before a ticket was used.
 */
data class Enrolling(val label: String? = null, val digits: String? = null, val state: EnrolmentState? = null)

/** Takes a ticket, shows six digits, waits until they were typed. */
class EnrolPresenter(
    private val core: DeviceCore,
    private val info: DeviceInfo,
    private val push: PushTarget,
    scope: CoroutineScope,
) : Presenter<Enrolling>(Enrolling(), scope) {
    private var begun: String? = null

    /**
     * Uses the ticket, which the user followed, scanned or pasted; it is used up whatever comes of it. Made again, the call goes
     * on with the enrolment that it began.
     */
    fun enrol(ticket: String): Job = attempt {
        val account = begun ?: core.enrol(ticket, info, push).use { enrolment ->
            show { Enrolling(enrolment.label(), enrolment.digits(), enrolment.state()) }
            enrolment.account().also { begun = it }
        }
        awaitDigits(account)
    }

    /** Goes on with an enrolment that was begun before the process ended. */
    fun resume(account: String): Job = attempt {
        core.enrolment(account).use { enrolment ->
            show { Enrolling(enrolment.label(), enrolment.digits(), enrolment.state()) }
        }
        awaitDigits(account)
    }

    private suspend fun awaitDigits(account: String) {
        val ended = core.awaitEnrolment(account)
        show { it.copy(digits = null, state = ended) }
    }
}
