package org.assent.device

import com.google.gson.JsonObject
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.assent.device.core.ApprovalRequest
import org.assent.device.core.Clock
import org.assent.device.core.DeviceCore
import org.assent.device.core.DeviceException
import org.assent.device.core.DeviceInfo
import org.assent.device.core.EnrolmentState
import org.assent.device.core.HttpRequest
import org.assent.device.core.HttpResponse
import org.assent.device.core.KeyVault
import org.assent.device.core.PushTarget
import org.assent.device.core.SecureStore
import org.assent.device.core.Settings
import org.assent.device.core.SigningReason
import org.assent.device.core.Transport
import org.assent.device.scenarios.Asked
import org.assent.device.scenarios.Client
import org.assent.device.scenarios.Provider
import org.assent.device.scenarios.Refused
import org.assent.device.software.softwarePorts
import org.junit.jupiter.api.assertThrows

val INFO = DeviceInfo("Anna's phone", "Kotlin", "any", "org.example.app", "1.0")

/** The relying party of all tests that need but one. */
val BANK: Client by lazy { Provider.running.newClient(metadata("Ordinary Bank")) }

/** That of a relying party which polls. */
fun metadata(name: String): JsonObject = JsonObject().apply {
    addProperty("client_name", name)
    addProperty("scope", "openid")
}

/** One app on one phone of one user. The [core] ends with [restart], the files do not; what a port does can be replaced. */
class App(issuer: String = Provider.running.issuer) {
    val provider = Provider.running
    val subject: String = provider.newUser()
    val folder = newFolder()
    val reasons = CopyOnWriteArrayList<SigningReason>()
    private val software = softwarePorts(folder) { reason ->
        reasons += reason
        consents()
    }

    @Volatile
    var consents: suspend () -> Boolean = { true }

    @Volatile
    var sign: suspend (String, ByteArray, SigningReason) -> ByteArray = software.vault::sign

    @Volatile
    var save: suspend (String, ByteArray) -> Unit = software.store::save

    @Volatile
    var send: suspend (HttpRequest) -> HttpResponse = software.transport::send

    @Volatile
    var wallTime: () -> Long = software.clock::unixMillis

    private val settings = Settings(listOf(issuer), development = true)
    var core = DeviceCore(settings, ports())
        private set
    lateinit var account: String

    private fun ports() = software.copy(
        vault = object : KeyVault by software.vault {
            override suspend fun sign(alias: String, message: ByteArray, reason: SigningReason) =
                this@App.sign(alias, message, reason)
        },
        store = object : SecureStore by software.store {
            override suspend fun save(name: String, content: ByteArray) = this@App.save(name, content)
        },
        transport = object : Transport {
            override suspend fun send(request: HttpRequest) = this@App.send(request)
        },
        clock = object : Clock by software.clock {
            override fun unixMillis() = wallTime()
        },
    )

    /** Another process begins on the same files. */
    fun restart() {
        core.close()
        core = DeviceCore(settings, ports())
    }

    /** Every port does what it should again. */
    fun work() {
        consents = { true }
        sign = software.vault::sign
        save = software.store::save
        send = software.transport::send
        wallTime = software.clock::unixMillis
    }

    /** Enrols and has the digits typed. */
    suspend fun join(): App {
        core.enrol(provider.ticket(subject), INFO, PushTarget.None).use { enrolment ->
            provider.typeDigits(enrolment.account(), enrolment.digits()!!)
            check(enrolment.refresh() == EnrolmentState.ACTIVE)
            account = enrolment.account()
        }
        reasons.clear()
        return this
    }

    fun ask(message: String = "Pay 20 EUR"): Asked = provider.ask(BANK, subject, mapOf("binding_message" to message))

    /** The only request that waits, with its lines taken. */
    suspend fun shown(): ApprovalRequest = core.pending(account, 5u).single().also { it.display() }

    /** `tokens`, or the error. */
    fun poll(asked: Asked): String = try {
        provider.poll(BANK, asked)
        "tokens"
    } catch (refused: Refused) {
        refused.error
    }

    val approvals get() = reasons.count { it is SigningReason.Approval }
}

/** A test that runs coroutines, and for no longer than a minute. */
fun test(body: suspend CoroutineScope.() -> Unit): Unit = runBlocking { withTimeout(60.seconds, body) }

/** Waits until this holds. */
suspend fun until(condition: suspend () -> Boolean) {
    while (!condition()) delay(10.milliseconds)
}

/** The code that a call fails with. */
inline fun codeOf(call: () -> Unit): String = assertThrows<DeviceException> { call() }.code
