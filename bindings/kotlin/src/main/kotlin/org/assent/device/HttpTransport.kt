package org.assent.device

import java.io.ByteArrayOutputStream
import java.io.IOException
import java.net.HttpURLConnection
import java.net.SocketTimeoutException
import java.net.URI
import java.security.cert.CertificateException
import javax.net.ssl.HttpsURLConnection
import javax.net.ssl.SSLHandshakeException
import javax.net.ssl.SSLPeerUnverifiedException
import javax.net.ssl.SSLSocketFactory
import kotlin.concurrent.thread
import kotlin.coroutines.resume
import kotlin.coroutines.resumeWithException
import kotlinx.coroutines.CancellableContinuation
import kotlinx.coroutines.suspendCancellableCoroutine
import kotlinx.coroutines.withTimeoutOrNull
import org.assent.device.core.HttpHeader
import org.assent.device.core.HttpRequest
import org.assent.device.core.HttpResponse
import org.assent.device.core.Transport
import org.assent.device.core.TransportException

/** No reply that the core understands is longer, in bytes. */
private const val MOST_BODY_BYTES = 256 * 1024

/**
 * HTTP by the platform's own [HttpURLConnection] and its own TLS: no redirects, no cache, and no cookies, unless the app
 * has set a `CookieHandler` for all its connections.
 *
 * Each call has a thread for as long as it lasts. A call that is cancelled, or takes longer than the core said, returns at
 * once, and its connection is closed.
 *
 * @param sockets where TLS sockets come from; the platform's own where none is given. A certificate that is to be pinned is
 *   pinned in here, or on Android in the app's network security configuration.
 */
public class HttpTransport(private val sockets: SSLSocketFactory? = null) : Transport {
    override suspend fun send(request: HttpRequest): HttpResponse {
        val limit = request.timeoutSeconds.toLong() * 1_000
        return withTimeoutOrNull(limit) { exchange(request, limit) } ?: throw TransportException.TimedOut()
    }

    private suspend fun exchange(request: HttpRequest, limit: Long): HttpResponse {
        val connection = open(request, limit.coerceAtMost(Int.MAX_VALUE.toLong()).toInt())
        return suspendCancellableCoroutine { call ->
            // Closing may wait for what is being read, and is network to Android: the thread that cancels does neither.
            call.invokeOnCancellation { thread(name = "assent-http-close", isDaemon = true) { connection.disconnect() } }
            thread(name = "assent-http", isDaemon = true) {
                try {
                    call.resume(answer(connection, request, call))
                } catch (failure: Throwable) {
                    connection.disconnect()
                    call.resumeWithException(typed(failure))
                }
            }
        }
    }

    private fun open(request: HttpRequest, limit: Int): HttpURLConnection {
        val connection = URI(request.url).toURL().openConnection() as HttpURLConnection
        if (connection is HttpsURLConnection && sockets != null) connection.sslSocketFactory = sockets
        connection.requestMethod = request.method
        connection.instanceFollowRedirects = false
        connection.useCaches = false
        connection.connectTimeout = limit
        connection.readTimeout = limit
        for (header in request.headers) connection.setRequestProperty(header.name, header.value)
        return connection
    }

    private fun answer(connection: HttpURLConnection, request: HttpRequest, call: CancellableContinuation<*>): HttpResponse {
        if (request.body.isNotEmpty()) {
            // Not streamed: the JVM would drop the body of a 401 then.
            connection.doOutput = true
            connection.outputStream.use { it.write(request.body) }
        }
        val status = connection.responseCode
        if (status < 0) throw IOException("what answered speaks no HTTP")
        val headers = connection.headerFields.entries.flatMap { (name, values) ->
            if (name == null) emptyList() else values.map { HttpHeader(name, it) }
        }
        return HttpResponse(status.toUShort(), headers, body(connection, status, call))
    }

    private fun body(connection: HttpURLConnection, status: Int, call: CancellableContinuation<*>): ByteArray {
        val stream = (if (status < 400) connection.inputStream else connection.errorStream) ?: return ByteArray(0)
        val read = ByteArrayOutputStream()
        val chunk = ByteArray(8_192)
        while (call.isActive) {
            val length = stream.read(chunk)
            if (length < 0) {
                stream.close()
                return read.toByteArray()
            }
            read.write(chunk, 0, length)
            if (read.size() > MOST_BODY_BYTES) throw IOException("the reply is longer than any of this protocol")
        }
        throw IOException("nobody waits for the reply any more")
    }

    private fun typed(failure: Throwable): Throwable = when (failure) {
        is SocketTimeoutException -> TransportException.TimedOut()
        is SSLPeerUnverifiedException -> TransportException.UntrustedCertificate(failure.toString())
        is SSLHandshakeException ->
            if (generateSequence<Throwable>(failure) { it.cause }.any { it is CertificateException }) {
                TransportException.UntrustedCertificate(failure.toString())
            } else {
                TransportException.Unreachable(failure.toString())
            }
        is IOException -> TransportException.Unreachable(failure.toString())
        else -> failure
    }
}
