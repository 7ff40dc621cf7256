package org.assent.device

import java.io.IOException
import java.util.concurrent.CancellationException
import org.assent.device.core.ApprovalRequest
import org.assent.device.core.HttpHeader
import org.assent.device.core.HttpResponse
import org.assent.device.core.Outcome
import org.assent.device.core.StoreException
import org.assent.device.core.TransportException
import org.assent.device.core.VaultException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory

/** Whatever a port throws or returns ends one call with a typed error, and the next call works. */
class MisbehavingPortsTest {
    private class Unspeakable : RuntimeException() {
        override fun toString(): String = throw IllegalStateException("not even this")
    }

    private val thrown: List<() -> Throwable> = listOf(
        { ArithmeticException("divided by zero") },
        { IOException("a checked exception") },
        { CancellationException("a cancellation of something else") },
        { OutOfMemoryError("no room") },
        { StackOverflowError() },
        { NoClassDefFoundError("missing") },
        { AssertionError("wrong") },
        { RuntimeException("half of a pair: \uD83D") },
        { Unspeakable() },
        { object : Throwable("of no known kind") {} },
    )

    private suspend fun failing(breaking: App.() -> Unit): String {
        val app = App().join()
        val asked = app.ask()
        val request: ApprovalRequest = app.shown()
        app.breaking()
        val code = codeOf { app.core.approve(request) }
        app.work()
        assertEquals(Outcome.APPROVED, app.core.approve(request))
        assertEquals("tokens", app.poll(asked))
        return code
    }

    private fun eachThrown(code: String, breaking: App.(() -> Throwable) -> Unit): List<DynamicTest> = thrown.map { make ->
        dynamicTest(make().javaClass.name) { test { assertEquals(code, failing { breaking(make) }) } }
    }

    @TestFactory
    fun `what the vault throws`() = eachThrown("key_unavailable") { make -> consents = { throw make() } }

    @TestFactory
    fun `what the store throws`() = eachThrown("storage") { make -> save = { _, _ -> throw make() } }

    @TestFactory
    fun `what the transport throws`() = eachThrown("unreachable") { make -> send = { throw make() } }

    @TestFactory
    fun `what the clock throws`() = eachThrown("clock") { make -> wallTime = { throw make() } }

    /** What a class written in Java can return, or one with an unchecked cast. */
    @Suppress("UNCHECKED_CAST")
    private fun <T> wrong(value: Any?): T = value as T

    @Test
    fun `a vault that returns nothing`() = test {
        assertEquals("key_unavailable", failing { sign = { _, _, _ -> wrong(null) } })
    }

    @Test
    fun `a vault that returns no signature`() = test {
        assertEquals("key_unavailable", failing { sign = { _, _, _ -> "nonsense".toByteArray() } })
    }

    @Test
    fun `a transport that returns nothing`() = test {
        assertEquals("unreachable", failing { send = { wrong(null) } })
    }

    @Test
    fun `a transport whose response is of wrong parts`() = test {
        val headers: List<HttpHeader> = wrong(listOf("no header"))
        assertEquals("unreachable", failing { send = { HttpResponse(200u, headers, ByteArray(0)) } })
    }

    @Test
    fun `a transport whose response is not of this protocol`() = test {
        assertEquals("not_understood", failing { send = { HttpResponse(200u, emptyList(), byteArrayOf(-1)) } })
    }

    @Test
    fun `errors that the interfaces name arrive as themselves`() = test {
        assertEquals("user_cancelled", failing { consents = { false } })
        assertEquals("key_unavailable", failing { consents = { throw VaultException.Unavailable("locked out") } })
        assertEquals("storage", failing { save = { _, _ -> throw StoreException.Failed("\uD83D") } })
        assertEquals("untrusted_certificate", failing { send = { throw TransportException.UntrustedCertificate("who?") } })
    }
}
