package org.assent.sample

import com.google.gson.JsonObject
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.atomic.AtomicInteger
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineExceptionHandler
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.job
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.assent.device.core.DeviceCore
import org.assent.device.core.DeviceInfo
import org.assent.device.core.EnrolmentState
import org.assent.device.core.PushTarget
import org.assent.device.core.SecureStore
import org.assent.device.core.Settings
import org.assent.device.core.StoreException
import org.assent.device.scenarios.Asked
import org.assent.device.scenarios.Provider
import org.assent.device.scenarios.Refused
import org.assent.device.scenarios.World
import org.assent.sample.accounts.AccountPresenter
import org.assent.sample.accounts.AccountsPresenter
import org.assent.sample.approval.ApprovalPresenter
import org.assent.sample.blocked.BlockedPresenter
import org.assent.sample.enrol.EnrolPresenter
import org.assent.sample.history.HistoryPresenter

/** The provider of this run. */
val provider: Provider get() = Provider.running

/** The app on one phone, without its views. [restart] ends the process. */
class App(issuer: String = provider.issuer) : AutoCloseable {
    /** What happens around the phone. */
    val world = World(AndroidHandset())

    /** What the system shows outside the app. */
    val board = FakeBoard()
    private val crashes = ConcurrentLinkedQueue<Throwable>()
    private val settings = Settings(listOf(issuer), development = true)

    /** Whether all documents of the app are damaged, until they are given up. */
    @Volatile
    var damaged = false

    /** The core of this process. */
    var core = newCore()
        private set

    /** What waits, in this process. */
    var inbox = Inbox(core, board)
        private set
    private var scope = newScope()

    private fun newCore() = DeviceCore(settings, world.around(world.handset.ports()).let { it.copy(store = damageable(it.store)) })

    private fun damageable(store: SecureStore): SecureStore = object : SecureStore by store {
        override suspend fun load(name: String): ByteArray? =
            if (damaged) throw StoreException.Damaged("of no key") else store.load(name)

        override suspend fun delete(name: String) {
            store.delete(name)
            damaged = false
        }
    }

    private fun newScope() =
        CoroutineScope(SupervisorJob() + Dispatchers.Default + CoroutineExceptionHandler { _, failure -> crashes += failure })

    /** The process ends, and starts again on what it had stored. */
    fun restart() {
        close()
        world.live()
        core = newCore()
        inbox = Inbox(core, board)
        scope = newScope()
    }

    override fun close() {
        runBlocking { scope.coroutineContext.job.cancelAndJoin() }
        core.close()
        check(crashes.isEmpty()) { "the app would have crashed: $crashes" }
    }

    fun enrolment() = EnrolPresenter(core, INFO, PushTarget.None, scope)

    fun accounts() = AccountsPresenter(core, inbox, { null }, scope)

    fun account(id: String) = AccountPresenter(core, id, scope)

    fun history(account: String) = HistoryPresenter(core, account, scope)

    fun blocked(account: String) = BlockedPresenter(core, account, scope)

    /** The screen of a request that waits, opened. */
    suspend fun approval(waiting: Waiting): ApprovalPresenter {
        val now = { System.currentTimeMillis() / 1_000 }
        return ApprovalPresenter(core, inbox, waiting.account, waiting.id, now, scope).also { it.open().join() }
    }

    /** The screen of the one request that waits, opened and read to its end. */
    suspend fun readApproval(): ApprovalPresenter {
        inbox.sync()
        val presenter = approval(inbox.waiting.value.single())
        presenter.seen(presenter.state.value.content.display!!.lines.size)
        return presenter
    }

    /** Joins this user's account. */
    suspend fun join(subject: String): String {
        val presenter = enrolment()
        presenter.enrol(provider.ticket(subject))
        val digits = presenter.until { it.content.digits != null }.content.digits!!
        val account = core.accounts().last().id
        provider.typeDigits(account, digits)
        presenter.until { it.content.state == EnrolmentState.ACTIVE }
        return account
    }
}

private val INFO = DeviceInfo("Anna's phone", "JVM", "any", "org.assent.sample", "0.1.0")

/** What the screen shows once that holds. */
suspend fun <Content> Presenter<Content>.until(holds: (Screen<Content>) -> Boolean): Screen<Content> =
    withTimeout(30.seconds) { state.first(holds) }

private val clients = AtomicInteger()

/** A relying party with this metadata and a name of its own: no two may look the same. */
class Bank(metadata: Map<String, Boolean>) {
    val name = "Bank ${clients.incrementAndGet()}"
    private val client = provider.newClient(
        JsonObject().apply {
            addProperty("client_name", name)
            addProperty("scope", "openid")
            for ((name, value) in metadata) addProperty(name, value)
        },
    )
    val id: String get() = client.id

    /** Asks this user. */
    fun ask(subject: String, message: String, more: Map<String, String>): Asked =
        provider.ask(client, subject, mapOf("binding_message" to message) + more)

    /** Takes a request back. */
    fun cancel(asked: Asked) = provider.cancel(client, asked)

    /** `tokens`, or the error. */
    fun poll(asked: Asked): String = try {
        provider.poll(client, asked)
        "tokens"
    } catch (refused: Refused) {
        refused.error
    }
}

/** A user with the app on one phone, who has joined, and a client that may ask. */
suspend fun joined(vararg metadata: Pair<String, Boolean>, story: suspend Joined.() -> Unit) {
    val subject = provider.newUser()
    App().use { app -> Joined(subject, app, app.join(subject), Bank(mapOf(*metadata))).story() }
}

/** Who takes part in a test. */
class Joined(val subject: String, val app: App, val account: String, val bank: Bank) {
    /** Asks the user. */
    fun ask(message: String = "Pay 20 EUR", vararg more: Pair<String, String>): Asked = bank.ask(subject, message, mapOf(*more))
}
