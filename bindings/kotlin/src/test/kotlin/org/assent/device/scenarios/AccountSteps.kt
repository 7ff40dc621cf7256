package org.assent.device.scenarios

import com.google.gson.JsonNull
import com.google.gson.JsonObject
import org.assent.device.core.Account
import org.assent.device.core.BlockPeriod
import org.assent.device.core.HistoryEntry
import org.assent.device.core.KeysToRotate
import org.assent.device.core.Synced

/** What a phone does with its accounts, beyond answering. */
fun accountSteps(cast: Cast): Map<String, Action> = mapOf(
    "block" to Action("phone", "account", "client", "period") { step ->
        val phone = cast.phone(step)
        val period = valueOf<BlockPeriod>(step.text("period"))
        phone.core.blockClient(phone.account(step).id, cast.client(step).id, period)
    },
    "unblock" to Action("phone", "account", "client") { step ->
        val phone = cast.phone(step)
        phone.core.unblockClient(phone.account(step).id, cast.client(step).id)
    },
    "blocked" to Action("phone", "account", "clients") { step ->
        val phone = cast.phone(step)
        val found = phone.core.blockedClients(phone.account(step).id).map { cast.nameOf(it.client) }
        check(found.sorted() == step.texts("clients").sorted()) { "blocked are $found" }
    },
    "history" to Action("phone", "account", "entries") { step ->
        val phone = cast.phone(step)
        val found = phone.core.history(phone.account(step).id, null).entries
        val expected = step.objects("entries")
        check(found.size == expected.size) { "the history is $found" }
        expected.zip(found).forEach { (entry, answered) -> expect(entry, answered.members(cast)) }
    },
    "object" to Action("phone", "account", "request", "outcome") { step ->
        val (phone, question) = cast.phone(step) to cast.asked(step)
        val account = phone.account(step)
        val entry = phone.core.history(account.id, null).entries.first {
            it.client == question.client.id && it.message == question.message
        }
        val prompt = entry.prompt ?: phone.prompt(question) ?: error("the phone cannot object to that")
        val outcome = phone.core.`object`(account.id, prompt)
        check(outcome.word == step.text("outcome")) { "the outcome is ${outcome.word}" }
    },
    "rotate" to Action("phone", "account", "which", "state") { step ->
        val phone = cast.phone(step)
        val which = step.texts("which").toSet()
        check(which.all { it in setOf("device", "verified", "sealing") }) { "there are no such keys" }
        val keys = KeysToRotate("device" in which, "verified" in which, "sealing" in which)
        step.expectState(phone.core.rotateKeys(phone.account(step).id, keys))
    },
    "sync" to Action("phone", "accounts") { step ->
        val phone = cast.phone(step)
        val found = phone.core.sync(null)
        val expected = step.objects("accounts")
        check(found.size == expected.size) { "there are ${found.size} accounts" }
        expected.zip(found).forEach { (account, synced) -> expect(account.orNull("failure"), synced.members(phone, cast)) }
    },
    "accounts" to Action("phone", "accounts") { step ->
        val found = cast.phone(step).core.accounts()
        val expected = step.objects("accounts")
        check(found.size == expected.size) { "there are ${found.size} accounts" }
        expected.zip(found).forEach { (account, kept) -> expect(account, kept.members()) }
    },
    "forget" to Action("phone", "account") { step -> cast.phone(step).leave(step) { core.forget(it) } },
    "wipe" to Action("phone", "account") { step -> cast.phone(step).leave(step) { core.wipe(it) } },
)

private suspend fun Phone.leave(step: Step, call: suspend Phone.(String) -> Unit) {
    val account = account(step)
    call(account.id)
    accounts.values.remove(account)
}

private fun HistoryEntry.members(cast: Cast): Map<String, Any?> = mapOf(
    "client" to cast.nameOf(client),
    "message" to message,
    "outcome" to outcome.word,
    "reason" to reason?.word,
    "on_this_phone" to onThisPhone,
)

private fun Synced.members(phone: Phone, cast: Cast): Map<String, Any?> = mapOf(
    "state" to state.word,
    "requests" to phone.take(phone.accounts.values.single { it.id == account }, requests, cast.asked.values),
    "concluded" to concluded.toInt(),
    "failure" to failure?.code,
)

private fun Account.members(): Map<String, Any?> = mapOf("state" to state.word, "revoked" to revoked?.word)

/** With this member, which is null where the scenario leaves it out. */
private fun JsonObject.orNull(member: String): JsonObject = apply { if (!has(member)) add(member, JsonNull.INSTANCE) }
