package org.assent.device.scenarios

import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.delay
import kotlinx.coroutines.withContext
import org.assent.device.core.DenyReason
import org.assent.device.core.Display
import org.assent.device.core.Outcome
import org.assent.device.core.Warning

/** What phones are asked, and answer. */
fun answerSteps(cast: Cast): Map<String, Action> = mapOf(
    "pending" to Action("phone", "account", "requests") { step ->
        val phone = cast.phone(step)
        val account = phone.account(step)
        val found = phone.take(account, phone.core.pending(account.id, 0u), cast.asked.values)
        check(found == step.texts("requests")) { "pending is $found" }
    },
    "fetch" to Action("phone", "account", "request") { step ->
        val (phone, question) = cast.phone(step) to cast.asked(step)
        val account = phone.account(step)
        if (phone.prompt(question) == null) phone.take(account, phone.core.pending(account.id, 0u), cast.asked.values)
        val id = phone.prompt(question) ?: error("the phone never heard of that request")
        phone.take(account, listOf(phone.core.fetchPrompt(account.id, id)), cast.asked.values)
    },
    "show" to Action("phone", "request", "display") { step ->
        val display = cast.phone(step).inHand(step).display()
        expect(step.objectOrEmpty("display"), display.members())
    },
    "type_match_code" to Action("phone", "request", "wrong") { step ->
        val code = cast.asked(step).asked.matchCode ?: error("that request has no match code")
        cast.phone(step).inHand(step).enterMatchCode(if (step.isSet("wrong")) otherThan(code) else code)
    },
    "approve" to Action("phone", "request", "outcome") { step ->
        val phone = cast.phone(step)
        step.expectOutcome(phone.core.approve(phone.inHand(step)), Outcome.APPROVED)
    },
    "deny" to Action("phone", "request", "reason", "outcome") { step ->
        val phone = cast.phone(step)
        val reason = valueOf<DenyReason>(step.text("reason"))
        step.expectOutcome(phone.core.deny(phone.inHand(step), reason), Outcome.DENIED)
    },
    "at_once" to Action("phone", "request", "decisions") { step -> atOnce(cast, step) },
)

/** Answers one request in several ways from as many threads: one answer comes to stand, and it is the one that succeeded. */
private suspend fun atOnce(cast: Cast, step: Step) {
    val (phone, question) = cast.phone(step) to cast.asked(step)
    val request = phone.inHand(step)
    val decisions = step.texts("decisions")
    val failures = withContext(Dispatchers.IO) {
        decisions.map { decision ->
            async {
                failureOf {
                    when (decision) {
                        "approve" -> phone.core.approve(request)
                        "deny" -> phone.core.deny(request, DenyReason.NOT_ME)
                        else -> error("`$decision` is no decision")
                    }
                }
            }
        }.awaitAll()
    }
    val stands = decisions.filterIndexed { index, _ -> failures[index] == null }.singleOrNull() ?: error("they came to $failures")
    delay(1_100.milliseconds) // a relying party polls once a second
    val polled = failureOf { cast.provider.poll(question.client, question.asked) }?.word
    check(polled == if (stands == "approve") null else "access_denied") { "$stands succeeded, and the poll came to $polled" }
    val newest = phone.core.history(request.account(), null).entries.first()
    val expected = if (stands == "approve") Outcome.APPROVED else Outcome.DENIED
    check(newest.outcome == expected) { "$stands succeeded, and the history says ${newest.outcome.word}" }
}

private fun Step.expectOutcome(found: Outcome, otherwise: Outcome) {
    val expected = textOrNull("outcome") ?: otherwise.word
    check(found.word == expected) { "the outcome is ${found.word}" }
}

private fun Display.members(): Map<String, Any?> = mapOf(
    "kind" to kind.word,
    "title" to title,
    "message" to message,
    "lines" to lines.map { listOf(it.label, it.value) },
    "warnings" to warnings.map { it.word },
    "match_code_digits" to matchCode?.digits?.toInt(),
    "verifies_user" to verifiesUser,
)

private val Warning.word: String
    get() = when (this) {
        Warning.UnverifiedClient -> "unverified_client"
        is Warning.Conflict -> "conflict"
        is Warning.ExpiringSoon -> "expiring_soon"
        Warning.Expired -> "expired"
    }
