package org.assent.device

import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import org.assent.device.core.ApprovalRequest
import org.assent.device.core.DeviceCore
import org.assent.device.core.DeviceException
import org.assent.device.core.EnrolmentState

private const val LONG_POLL_SECONDS = 25u
private val LONGEST_PAUSE = 2.minutes
private val BETWEEN_LOOKS = 2.seconds

/**
 * What waits for an answer on [account], newly told whenever that changed; the first list comes at once, also an empty one.
 *
 * The server is asked for as long as somebody collects: by one call that it holds for up to 25 seconds while nothing waits,
 * and every two seconds while something does. Failures that pass by themselves, a phone without a network for one, are
 * waited out: [waiting] hears of each and of how long. Any other ends the flow as a [DeviceException].
 *
 * A request that is not needed any more is closed by whoever was told of it, or freed when nobody holds it.
 */
public fun DeviceCore.requests(
    account: String,
    waiting: (DeviceException, Duration) -> Unit = { _, _ -> },
): Flow<List<ApprovalRequest>> = flow {
    var told: List<String>? = null
    var failures = 0
    while (true) {
        val found = try {
            // A server holds a call as long as nothing is pending: with something there, it says nothing of its end.
            pending(account, if (told?.isEmpty() == true) LONG_POLL_SECONDS else 0u).also { failures = 0 }
        } catch (failure: DeviceException) {
            val atLeast = failure.retryAfter ?: throw failure
            val pause = maxOf(atLeast, backoff(failures++))
            waiting(failure, pause)
            delay(pause)
            continue
        }
        val ids = found.map { it.id() }
        if (ids != told) {
            told = ids
            emit(found)
        } else {
            found.forEach { it.close() }
        }
        if (ids.isNotEmpty()) delay(BETWEEN_LOOKS)
    }
}

/** Waits until the six digits were typed, asking once in [every]; returns how the enrolment ended. */
public suspend fun DeviceCore.awaitEnrolment(account: String, every: Duration = 2.seconds): EnrolmentState {
    enrolment(account).use { enrolment ->
        while (true) {
            val state = enrolment.refresh()
            if (state != EnrolmentState.UNCONFIRMED) return state
            delay(every)
        }
    }
}

private fun backoff(failures: Int): Duration = minOf(LONGEST_PAUSE, 1.seconds * (1 shl failures.coerceAtMost(7)))
