package org.assent.device.scenarios

import java.util.concurrent.ConcurrentHashMap
import org.assent.device.core.ApprovalRequest
import org.assent.device.core.DeviceCore
import org.assent.device.core.RequestKind
import org.assent.device.core.Settings

/** Whom a scenario's names stand for. */
class Cast(val provider: Provider, private val newHandset: () -> Handset) {
    val clients = HashMap<String, Client>()
    val users = HashMap<String, String>()

    /** In the order they were asked. */
    val asked = LinkedHashMap<String, Question>()
    private val phones = HashMap<String, Phone>()

    fun client(step: Step): Client = known(clients, step.text("client"))

    fun user(step: Step): String = known(users, step.text("user"))

    fun asked(step: Step): Question = known(asked, step.text("request"))

    /** Made at its first step. */
    fun phone(step: Step): Phone = phones.getOrPut(step.text("phone")) { Phone(provider.issuer, newHandset()) }

    /** The name of a client by its id. */
    fun nameOf(client: String): String = clients.entries.single { it.value.id == client }.key

    /** The end of the scenario. Another may call its relying parties the same. */
    fun leave() {
        phones.values.forEach { it.core.close() }
        clients.values.forEach(provider::remove)
    }

    private fun <T> known(all: Map<String, T>, name: String): T = all[name] ?: error("no step has made `$name`")
}

/** What a relying party has asked. */
class Question(val name: String, val client: Client, val subject: String, val message: String?, val asked: Asked)

/** An account on a phone, and who it is of. */
class Membership(val id: String, val subject: String, val digits: String?)

/** One app on one phone. */
class Phone(issuer: String, private val handset: Handset) {
    private val settings = Settings(listOf(issuer), development = true)
    val world = World(handset)
    var core = DeviceCore(settings, world.around(handset.ports()))
        private set

    /** By their names, in the order they were enrolled. The only one needs no name. */
    val accounts = LinkedHashMap<String, Membership>()

    /** The requests in hand, by the names that steps call them. */
    val inHand = ConcurrentHashMap<String, ApprovalRequest>()
    private val prompts = HashMap<String, String>()

    fun account(step: Step): Membership {
        val name = step.textOrNull("account")
        if (name == null) return accounts.values.singleOrNull() ?: error("the phone has ${accounts.size} accounts: which?")
        return accounts[name] ?: error("the phone has no account `$name`")
    }

    fun inHand(step: Step): ApprovalRequest = inHand[step.text("request")] ?: error("the phone has not fetched that request")

    /** The id by which this phone knows a request. */
    fun prompt(question: Question): String? = prompts.entries.singleOrNull { it.value == question.name }?.key

    /**
     * Takes requests into its hand and returns their names. A phone never learns what a relying party calls a request: one
     * that it sees for the first time is the oldest that fits. A question of the provider's own is called by its kind.
     */
    fun take(account: Membership, found: List<ApprovalRequest>, asked: Collection<Question>): List<String> =
        found.map { request ->
            val name = prompts.getOrPut(request.id()) { nameOf(request, account, asked) }
            inHand[name] = request
            name
        }

    private fun nameOf(request: ApprovalRequest, account: Membership, asked: Collection<Question>): String {
        val fitting = asked.filter {
            it.subject == account.subject && it.client.id == request.clientId() && it.message == request.bindingMessage()
        }
        fitting.firstOrNull { it.name !in prompts.values }?.let { return it.name }
        val kind = request.display().kind
        check(kind != RequestKind.AUTHENTICATION) { "nobody asked for ${request.display()}" }
        return kind.word
    }

    /** The process ends and starts again on what was stored. */
    fun restart() {
        inHand.values.forEach { it.close() }
        inHand.clear()
        core.close()
        world.live()
        core = DeviceCore(settings, world.around(handset.ports()))
    }
}
