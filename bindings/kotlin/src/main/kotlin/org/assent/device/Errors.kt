package org.assent.device

import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import org.assent.device.core.Advice
import org.assent.device.core.DeviceException
import org.assent.device.core.errorAdvice
import org.assent.device.core.errorCode

/** A stable word for the condition, for logs and metrics, such as `unreachable`. Texts are for logs, not for users. */
public val DeviceException.code: String get() = errorCode(this)

/** What helps. */
public val DeviceException.advice: Advice get() = errorAdvice(this)

/** After how long the same call may be made again without anybody's help; `null` where that would not help. */
public val DeviceException.retryAfter: Duration?
    get() = when (val advice = advice) {
        is Advice.After -> advice.seconds.toInt().seconds
        Advice.WithFreshNonce -> Duration.ZERO
        Advice.Never, Advice.UserAction -> null
    }
