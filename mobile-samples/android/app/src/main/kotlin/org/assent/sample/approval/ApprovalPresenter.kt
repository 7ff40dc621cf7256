package org.assent.sample.approval

import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import org.assent.device.core.ApprovalRequest
import org.assent.device.core.BlockPeriod
import org.assent.device.core.DenyReason
import org.assent.device.core.DeviceCore
import org.assent.device.core.Display
import org.assent.device.core.Outcome
import org.assent.device.core.RequestKind
import org.assent.device.core.Warning
import org.assent.sample.Inbox
import org.assent.sample.Presenter

/** Less than this is left only where the core says so. */
private const val SOON_SECONDS = 30L

/**
 * One request on the screen.
 *
 * @property display what the core says must be shown; `null` until the request is there.
 * @property linesSeen how many lines, from the top, were on the screen to their end.
 * @property code the digits typed so far.
 * @property secondsLeft until when an answer counts. The phone's clock may be wrong; what the core warns of is not.
 * @property outcome where the request stands by the user's answer, once there is one.
 * @property mayBlock whether to offer that this client does not ask again.
 */
data class Approval(
    val display: Display? = null,
    val linesSeen: Int = 0,
    val code: String = "",
    val secondsLeft: Long = 0,
    val outcome: Outcome? = null,
    val mayBlock: Boolean = false,
) {
    private val answerable: Boolean get() = display != null && outcome == null

    /** Whether every line has been on the screen, and all digits were typed. */
    val mayApprove: Boolean
        get() {
            val shown = display ?: return false
            val digits = shown.matchCode?.digits?.toInt() ?: 0
            val isRead = linesSeen >= shown.allLines.toInt() && code.length == digits
            return answerable && isRead && Warning.Expired !in shown.warnings
        }

    /** A denial is heard even when it is too late to approve. */
    val mayDeny: Boolean get() = answerable
}

/** Shows one request whole, and takes the user's answer to just what was shown. */
class ApprovalPresenter(
    private val core: DeviceCore,
    private val inbox: Inbox,
    private val account: String,
    private val id: String,
    private val now: () -> Long,
    scope: CoroutineScope,
) : Presenter<Approval>(Approval(), scope) {
    private var request: ApprovalRequest? = null

    /** Fetches the request, and shows how its time passes. */
    fun open(): Job = attempt {
        val fetched = core.fetchPrompt(account, id)
        request = fetched
        scope.coroutineContext.job.invokeOnCompletion { fetched.close() }
        look()
        scope.launch {
            while (content.outcome == null) {
                delay(1.seconds)
                look()
            }
        }
    }

    /** The screen has shown this many lines to their end, counted from the top. */
    fun seen(lines: Int) = show { it.copy(linesSeen = maxOf(it.linesSeen, lines)) }

    /** What stands in the field for the digits of the other screen. */
    fun typed(code: String) = show { it.copy(code = code) }

    /**
     * Approves; the platform's dialogue appears. After a failure the same call sends the same answer, or asks again where none
     * was given.
     */
    fun approve(): Job = attempt {
        if (!content.mayApprove) return@attempt
        val request = request ?: return@attempt
        if (content.display?.matchCode != null) request.enterMatchCode(content.code)
        ended(core.approve(request))
    }

    /** Denies; asks nothing more of the user. */
    fun deny(reason: DenyReason): Job = attempt {
        val request = request ?: return@attempt
        val asksMore = content.display?.kind == RequestKind.AUTHENTICATION && reason == DenyReason.NOT_ME
        ended(core.deny(request, reason))
        show { it.copy(mayBlock = asksMore) }
    }

    /** Keeps the client that asked from asking again, on all phones of the user. */
    fun block(lasts: BlockPeriod): Job = attempt {
        val request = request ?: return@attempt
        core.blockClient(account, request.clientId(), lasts)
        show { it.copy(mayBlock = false) }
    }

    private fun ended(outcome: Outcome) {
        show { it.copy(outcome = outcome) }
        inbox.over(id)
    }

    private fun look() {
        val display = request?.display() ?: return
        show { it.copy(display = display, secondsLeft = secondsLeft(display)) }
    }

    private fun secondsLeft(display: Display): Long {
        val soon = display.warnings.filterIsInstance<Warning.ExpiringSoon>().firstOrNull()
        return when {
            Warning.Expired in display.warnings -> 0
            soon != null -> soon.seconds.toLong()
            else -> maxOf(SOON_SECONDS, display.expiresAt - now())
        }
    }
}
