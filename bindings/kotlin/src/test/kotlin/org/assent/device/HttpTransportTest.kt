package org.assent.device

import com.sun.net.httpserver.HttpExchange
import com.sun.net.httpserver.HttpServer
import java.io.InputStream
import java.net.InetAddress
import java.net.InetSocketAddress
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.CompletableFuture
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import org.assent.device.core.HttpHeader
import org.assent.device.core.HttpRequest
import org.assent.device.core.TransportException
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

private const val LIMIT = 256 * 1024

/** What a transport must do, on the platform's own HTTP. */
class HttpTransportTest {
    private val transport = HttpTransport()

    private fun get(url: String, seconds: Int = 20) = HttpRequest("GET", url, emptyList(), ByteArray(0), seconds.toUInt())

    /** A server on loopback for one test. */
    private fun serving(answer: (HttpExchange) -> Unit, body: suspend (String) -> Unit) {
        val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0)
        server.createContext("/") { exchange -> exchange.use(answer) }
        server.start()
        try {
            test { body("http://127.0.0.1:${server.address.port}/") }
        } finally {
            server.stop(0)
        }
    }

    private inline fun HttpExchange.use(block: (HttpExchange) -> Unit) = try {
        block(this)
    } finally {
        close()
    }

    private fun HttpExchange.reply(status: Int, body: ByteArray = ByteArray(0)) {
        sendResponseHeaders(status, if (body.isEmpty()) -1 else body.size.toLong())
        responseBody.write(body)
    }

    /** A server that takes one connection and does this with it. */
    private fun accepting(work: (Socket) -> Unit): ServerSocket {
        val server = ServerSocket(0, 8, InetAddress.getLoopbackAddress())
        thread(isDaemon = true) { runCatching { server.accept().use(work) } }
        return server
    }

    private val ServerSocket.url get() = "http://127.0.0.1:$localPort/"

    @Test
    fun `method, headers and body go out as given and come back as sent`() {
        val seen = CopyOnWriteArrayList<Any?>()
        serving({
            val body = it.requestBody.readBytes().decodeToString()
            seen.addAll(listOf(it.requestMethod, it.requestHeaders.getFirst("X-Sent"), body))
            it.responseHeaders.add("X-Got", "yes")
            it.reply(201, "done".toByteArray())
        }) { url ->
            for (method in listOf("POST", "PUT", "DELETE")) {
                val request = HttpRequest(method, url, listOf(HttpHeader("X-Sent", "1")), "body".toByteArray(), 5u)
                val response = transport.send(request)
                assertEquals(201.toUShort() to "done", response.status to response.body.decodeToString())
                assertTrue(response.headers.any { it.name.equals("x-got", ignoreCase = true) && it.value == "yes" })
            }
            assertEquals(listOf("POST", "PUT", "DELETE").flatMap { listOf(it, "1", "body") }, seen)
        }
    }

    @Test
    fun `the body of any status arrives, also that of a 401`() = serving({
        it.requestBody.readBytes()
        it.reply(it.requestURI.query.toInt(), "why".toByteArray())
    }) { url ->
        for (status in listOf(400, 401, 403, 404, 409, 429, 500, 503)) {
            val response = transport.send(HttpRequest("POST", "$url?$status", emptyList(), "body".toByteArray(), 5u))
            assertEquals(status.toUShort() to "why", response.status to response.body.decodeToString())
        }
    }

    @Test
    fun `a redirect is an answer like any other`() {
        val calls = CopyOnWriteArrayList<String>()
        serving({
            calls += it.requestURI.path
            it.responseHeaders.add("Location", "/elsewhere")
            it.reply(302)
        }) { url ->
            assertEquals(302.toUShort(), transport.send(get(url)).status)
            assertEquals(listOf("/"), calls)
        }
    }

    @Test
    fun `no cookie is kept`() {
        val cookies = CopyOnWriteArrayList<String?>()
        serving({
            cookies += it.requestHeaders.getFirst("Cookie")
            it.responseHeaders.add("Set-Cookie", "a=b")
            it.reply(200)
        }) { url ->
            repeat(2) { transport.send(get(url)) }
            assertEquals(listOf(null, null), cookies)
        }
    }

    @Test
    fun `a body of 256 KiB is taken`() = serving({ it.reply(200, ByteArray(LIMIT) { 7 }) }) { url ->
        assertArrayEquals(ByteArray(LIMIT) { 7 }, transport.send(get(url)).body)
    }

    @Test
    fun `a longer body is given up while it arrives`() {
        val closed = CompletableFuture<Boolean>()
        accepting { connection ->
            connection.getOutputStream().write("HTTP/1.1 200 OK\r\n\r\n".toByteArray())
            // Without end: only a reader that closes ends this.
            closed.complete(runCatching { while (true) connection.getOutputStream().write(ByteArray(4096)) }.isFailure)
        }.use { server ->
            test { assertThrows<TransportException.Unreachable> { transport.send(get(server.url)) } }
            assertTrue(closed.get(20, TimeUnit.SECONDS))
        }
    }

    @Test
    fun `a call that is cancelled has its connection closed`() {
        val asked = CompletableFuture<Unit>()
        val closed = CompletableFuture<Int>()
        accepting { connection ->
            while (connection.getInputStream().readLine().isNotEmpty()) Unit
            asked.complete(Unit)
            closed.complete(runCatching { connection.getInputStream().read() }.getOrDefault(-1))
        }.use { server ->
            test {
                val call = launch(Dispatchers.Default) { transport.send(get(server.url, seconds = 600)) }
                until { asked.isDone }
                call.cancel()
                call.join()
            }
            assertEquals(-1, closed.get(20, TimeUnit.SECONDS))
        }
    }

    @Test
    fun `a server that says nothing is given up in time`() = accepting { Thread.sleep(60_000) }.use { server ->
        test { assertThrows<TransportException.TimedOut> { transport.send(get(server.url, seconds = 1)) } }
    }

    @Test
    fun `a server that cannot be reached is told apart from one that is not trusted`() = test {
        assertThrows<TransportException.Unreachable> { transport.send(get("http://127.0.0.1:1/")) }
        SelfSigned().use { server ->
            assertThrows<TransportException.UntrustedCertificate> { transport.send(get(server.url)) }
        }
    }

    @Test
    fun `what answers in another protocol is not reached`() = accepting { connection ->
        connection.getOutputStream().write("SSH-2.0-nothing\r\n".toByteArray())
        connection.getInputStream().readLine()
    }.use { server ->
        test { assertThrows<TransportException.Unreachable> { transport.send(get(server.url, seconds = 5)) } }
    }

    private fun InputStream.readLine(): String =
        generateSequence { read() }.takeWhile { it >= 0 && it != '\n'.code }.map { it.toChar() }.joinToString("").trimEnd('\r')
}
