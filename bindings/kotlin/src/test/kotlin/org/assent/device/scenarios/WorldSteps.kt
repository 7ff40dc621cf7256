package org.assent.device.scenarios

import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.selects.select

/** What happens to phones, and that time passes. */
fun worldSteps(cast: Cast): Map<String, Action> = mapOf(
    "set" to Action("phone", "network", "user", "keys", "clock") { step ->
        val world = cast.phone(step).world
        step.textOrNull("network")?.let { world.network = valueOf<Network>(it) }
        step.textOrNull("user")?.let { world.handset.user(consents(it)) }
        step.textOrNull("keys")?.let { world.handset.keys(valueOf<Keys>(it)) }
        if ("clock" in step) world.clockAhead = step["clock"].asLong
    },
    "restart" to Action("phone") { step -> cast.phone(step).restart() },
    "die" to Action("phone", "request", "after") { step ->
        check(step.text("after") == "signed") { "phones die after `signed` alone" }
        cast.phone(step).die(step)
    },
    "wait" to Action("seconds") { step -> delay(step["seconds"].asInt.seconds) },
)

private fun consents(word: String): Boolean = when (word) {
    "consents" -> true
    "dismisses" -> false
    else -> error("`$word` is nothing that a user does")
}

private suspend fun Phone.die(step: Step) = coroutineScope {
    val death = world.dieBeforeSending()
    val request = inHand(step)
    val approving = async(Dispatchers.IO) { core.approve(request) }
    select {
        death.onAwait { }
        approving.onAwait { error("the approval came to $it") }
    }
    approving.cancelAndJoin()
    restart()
}
