package org.assent.device

import java.util.concurrent.CopyOnWriteArrayList
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import org.assent.device.core.Advice
import org.assent.device.core.ApprovalRequest
import org.assent.device.core.ClockException
import org.assent.device.core.DenyReason
import org.assent.device.core.DeviceCore
import org.assent.device.core.DeviceException
import org.assent.device.core.DeviceInfo
import org.assent.device.core.EnrolmentState
import org.assent.device.core.HttpRequest
import org.assent.device.core.HttpResponse
import org.assent.device.core.Outcome
import org.assent.device.core.Ports
import org.assent.device.core.PushTarget
import org.assent.device.core.SecureStore
import org.assent.device.core.Settings
import org.assent.device.core.SigningReason
import org.assent.device.core.Transport
import org.assent.device.core.TransportException
import org.assent.device.software.MemoryStore
import org.assent.device.software.SoftwareKeyVault
import org.assent.device.software.SystemClock
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

/** The library as an app uses it, against a running provider. */
class PhoneTest {
    companion object {
        private lateinit var provider: Provider

        @BeforeAll
        @JvmStatic
        fun start() {
            provider = Provider()
        }

        @AfterAll
        @JvmStatic
        fun end() = provider.close()
    }

    /** One app on one phone. [core] dies with [restart], the ports do not. */
    private class Phone(issuer: String = provider.issuer) {
        val reasons = CopyOnWriteArrayList<SigningReason>()
        var consents: suspend () -> Boolean = { true }
        val vault = SoftwareKeyVault { reason ->
            reasons += reason
            consents()
        }
        private val memory = MemoryStore()
        private val http = HttpTransport()
        var save: suspend (String, ByteArray) -> Unit = memory::save
        var send: suspend (HttpRequest) -> HttpResponse = http::send
        private val ports = Ports(
            vault,
            object : SecureStore by memory {
                override suspend fun save(name: String, content: ByteArray) = this@Phone.save(name, content)
            },
            object : Transport {
                override suspend fun send(request: HttpRequest): HttpResponse = this@Phone.send(request)
            },
            SystemClock(),
        )
        private val settings = Settings(listOf(issuer), development = true)
        var core = DeviceCore(settings, ports)
            private set

        fun restart() {
            core.close()
            core = DeviceCore(settings, ports)
        }

        fun work() {
            save = memory::save
            send = http::send
            consents = { true }
        }

        suspend fun join(subject: String): String {
            core.enrol(provider.ticket(subject), INFO, PushTarget.None).use { enrolment ->
                provider.typeDigits(enrolment.account(), enrolment.digits()!!)
                assertEquals(EnrolmentState.ACTIVE, enrolment.refresh())
                return enrolment.account()
            }
        }

        suspend fun onlyRequest(account: String): ApprovalRequest = core.pending(account, 5u).single()

        val approvals get() = reasons.count { it is SigningReason.Approval }
    }

    private suspend fun joined(): Triple<String, Phone, String> {
        val (subject, phone) = provider.newUser() to Phone()
        return Triple(subject, phone, phone.join(subject))
    }

    @Test
    fun `the digits typed on the page activate the phone`() = runBlocking {
        val (subject, phone) = provider.newUser() to Phone()
        val enrolment = phone.core.enrol(provider.ticket(subject), INFO, PushTarget.None)
        assertTrue(enrolment.digits()!!.matches(Regex("[0-9]{6}")))
        val ended = async { phone.core.awaitEnrolment(enrolment.account(), 100.milliseconds) }
        delay(300)
        provider.typeDigits(enrolment.account(), enrolment.digits()!!)
        assertEquals(EnrolmentState.ACTIVE, withTimeout(10.seconds) { ended.await() })
        assertEquals(listOf(INFO.name), provider.activeDevices(subject))
    }

    @Test
    fun `wrong digits cancel the enrolment`() = runBlocking {
        val phone = Phone()
        val enrolment = phone.core.enrol(provider.ticket(provider.newUser()), INFO, PushTarget.None)
        val wrong = if (enrolment.digits() == "000000") "000001" else "000000"
        provider.typeDigits(enrolment.account(), wrong, 403..403)
        assertEquals(EnrolmentState.CANCELLED, enrolment.refresh())
    }

    @Test
    fun `a ticket of an issuer that is not listed is refused before any call`() = runBlocking {
        val phone = Phone("https://op.example")
        val refused = assertThrows<DeviceException.WrongIssuer> {
            runBlocking { phone.core.enrol(provider.ticket(provider.newUser()), INFO, PushTarget.None) }
        }
        assertEquals("wrong_issuer", refused.code)
        assertEquals(Advice.Never to null, refused.advice to refused.retryAfter)
        assertEquals(emptySet<String>(), phone.vault.aliases)
    }

    @Test
    fun `an approval gives the client its tokens`() = runBlocking {
        val (subject, phone, account) = joined()
        val asked = provider.ask(subject, "Pay 20 EUR to Bob")
        val request = phone.onlyRequest(account)
        val display = request.display()
        assertEquals(listOf("Example Bank", "Pay 20 EUR to Bob"), display.lines.map { it.value })
        assertEquals(Outcome.APPROVED, phone.core.approve(request))
        assertEquals(1, phone.approvals)
        assertEquals(true, request.receipt()?.approved)
        assertEquals("tokens", provider.poll(asked))
    }

    @Test
    fun `a denial asks nothing of the user and gives the client access_denied`() = runBlocking {
        val (subject, phone, account) = joined()
        phone.reasons.clear()
        val asked = provider.ask(subject)
        assertEquals(Outcome.DENIED, phone.core.deny(phone.onlyRequest(account), DenyReason.NOT_ME))
        assertEquals(emptyList<SigningReason>(), phone.reasons)
        assertEquals("access_denied", provider.poll(asked))
    }

    @Test
    fun `approving what was not displayed is refused`() = runBlocking {
        val (subject, phone, account) = joined()
        val asked = provider.ask(subject)
        val request = phone.onlyRequest(account)
        assertThrows<DeviceException.DisplayNotTaken> { runBlocking { phone.core.approve(request) } }
        assertEquals("authorization_pending", provider.poll(asked))
    }

    @Test
    fun `the flow of requests tells what is pending whenever that changes`() = runBlocking {
        val (subject, phone, account) = joined()
        val told = CopyOnWriteArrayList<Int>()
        val collecting = launch(Dispatchers.Default) { phone.core.requests(account).collect { told += it.size } }
        withTimeout(10.seconds) { while (told.isEmpty()) delay(20) }
        provider.ask(subject)
        withTimeout(10.seconds) { while (told.size < 2) delay(20) }
        val request = phone.onlyRequest(account).also { it.display() }
        phone.core.approve(request)
        withTimeout(10.seconds) { while (told.size < 3) delay(20) }
        collecting.cancel()
        assertEquals(listOf(0, 1, 0), told)
    }

    @Test
    fun `the flow waits out a network that is away and ends with what does not pass`() = runBlocking {
        val (_, phone, account) = joined()
        val waited = CopyOnWriteArrayList<String>()
        phone.send = { throw TransportException.Unreachable("no network") }
        launch {
            while (waited.isEmpty()) delay(20)
            phone.work()
        }
        val first = withTimeout(30.seconds) { phone.core.requests(account) { failure, _ -> waited += failure.code }.first() }
        assertEquals(0, first.size)
        assertTrue("unreachable" in waited)
        assertThrows<DeviceException.UnknownAccount> {
            runBlocking { phone.core.requests("AAAAAAAAAAAAAAAAAAAAAA").first() }
        }
        Unit
    }

    @Test
    fun `a lost reply is made good after a restart without asking the user again`() = runBlocking {
        val (subject, phone, account) = joined()
        val asked = provider.ask(subject)
        val request = phone.onlyRequest(account).also { it.display() }
        val send = phone.send
        phone.send = { call -> send(call).also { if (call.url.endsWith("/decision")) throw TransportException.TimedOut() } }
        val lost = assertThrows<DeviceException.Unreachable> { runBlocking { phone.core.approve(request) } }
        assertTrue(lost.retryAfter != null)
        phone.work()
        phone.restart()
        phone.core.sync(null)
        assertEquals("tokens", provider.poll(asked))
        assertEquals(1, phone.approvals)
    }

    @Test
    fun `what is cancelled in the middle of an approval is taken up again`() = runBlocking {
        val (subject, phone, account) = joined()
        val asked = provider.ask(subject)
        val request = phone.onlyRequest(account).also { it.display() }
        var reached = false
        phone.consents = {
            reached = true
            delay(60.seconds)
            true
        }
        val approving = launch(Dispatchers.Default) { phone.core.approve(request) }
        withTimeout(10.seconds) { while (!reached) delay(10) }
        approving.cancel()
        approving.join()
        phone.work()
        assertEquals(Outcome.APPROVED, phone.core.approve(request))
        assertEquals("tokens", provider.poll(asked))
    }

    @Test
    fun `approving and denying at once gives one decision`() = runBlocking {
        val (subject, phone, account) = joined()
        repeat(5) {
            val asked = provider.ask(subject)
            val request = phone.onlyRequest(account).also { it.display() }
            val outcomes = withContext(Dispatchers.Default) {
                listOf(
                    async { runCatching { phone.core.approve(request) } },
                    async { runCatching { phone.core.deny(request, DenyReason.CANCELLED) } },
                ).awaitAll()
            }
            val failures = outcomes.mapNotNull { it.exceptionOrNull() }
            assertTrue(failures.all { it is DeviceException }, failures.toString())
            assertTrue(outcomes.any { it.isSuccess })
            val expected = if (outcomes[1].isSuccess) "access_denied" else "tokens"
            assertEquals(expected, provider.poll(asked), outcomes.toString())
        }
    }

    @Test
    fun `whatever a port throws arrives as a typed error and the next call works`() = runBlocking {
        val (subject, phone, account) = joined()
        val asked = provider.ask(subject)
        val request = phone.onlyRequest(account).also { it.display() }
        phone.consents = { throw ArithmeticException("the vault divided by zero") }
        assertEquals("key_unavailable", failure(phone, request))
        phone.work()
        phone.save = { _, _ -> throw OutOfMemoryError("no room") }
        assertEquals("storage", failure(phone, request))
        phone.work()
        phone.send = { throw NoSuchElementException("no such cable") }
        assertEquals("unreachable", failure(phone, request))
        phone.work()
        phone.consents = { false }
        phone.restart()
        assertEquals(Outcome.APPROVED, phone.core.approve(phone.core.fetchPrompt(account, request.id()).also { it.display() }))
        assertEquals("tokens", provider.poll(asked))
    }

    private fun failure(phone: Phone, request: ApprovalRequest): String =
        assertThrows<DeviceException> { runBlocking { phone.core.approve(request) } }.code

    @Test
    fun `a user who dismisses the dialogue may approve later`() = runBlocking {
        val (subject, phone, account) = joined()
        val asked = provider.ask(subject)
        val request = phone.onlyRequest(account).also { it.display() }
        phone.consents = { false }
        assertEquals("user_cancelled", failure(phone, request))
        assertEquals("authorization_pending", provider.poll(asked))
        phone.work()
        assertEquals(Outcome.APPROVED, phone.core.approve(request))
    }

    @Test
    fun `objects closed twice or used after that are safe`() = runBlocking {
        val (subject, phone, account) = joined()
        provider.ask(subject)
        val request = phone.onlyRequest(account)
        request.close()
        request.close()
        assertThrows<IllegalStateException> { request.display() }
        assertThrows<IllegalStateException> { runBlocking { phone.core.approve(request) } }
        val core = phone.core
        core.close()
        core.close()
        assertThrows<IllegalStateException> { runBlocking { core.accounts() } }
        Unit
    }

    @Test
    fun `a forgotten account is gone on both sides`() = runBlocking {
        val (subject, phone, account) = joined()
        phone.core.forget(account)
        assertEquals(emptyList<Any>(), phone.core.accounts())
        assertEquals(emptySet<String>(), phone.vault.aliases)
        assertEquals(emptyList<String>(), provider.activeDevices(subject))
    }

    @Test
    fun `a server that cannot be reached is told apart from one that is not trusted`() = runBlocking {
        val transport = HttpTransport()
        val nobody = HttpRequest("GET", "http://127.0.0.1:1/", emptyList(), ByteArray(0), 5u)
        assertThrows<TransportException.Unreachable> { runBlocking { transport.send(nobody) } }
        SelfSigned().use { server ->
            val call = HttpRequest("GET", server.url, emptyList(), ByteArray(0), 5u)
            assertThrows<TransportException.UntrustedCertificate> { runBlocking { transport.send(call) } }
        }
        Silent().use { server ->
            val call = HttpRequest("GET", server.url, emptyList(), ByteArray(0), 1u)
            assertThrows<TransportException.TimedOut> { runBlocking { transport.send(call) } }
        }
        assertNull(ClockException.Unexpected("").cause)
    }
}

private val INFO = DeviceInfo("Anna's phone", "Kotlin", "any", "org.example.app", "1.0")
