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
import kotlinx.coroutines.TimeoutCancellationException
import kotlinx.coroutines.suspendCancellableCoroutine
import kotlinx.coroutines.withTimeout
import kotlin.concurrent.thread
import kotlin.coroutines.resumeWithException
import org.assent.device.core.HttpHeader
import org.assent.device.core.HttpRequest
import org.assent.device.core.HttpResponse
import org.assent.device.core.Transport
import org.assent.device.core.TransportException

/** No reply that the core understands is longer, in bytes. */
private const val MOST_BODY_BYTES = 1 shl 20

/**
 * HTTP by the platform's own [HttpURLConnection] and its own TLS: no redirects, no cookies, no cache.
 *
 * Each call has a thread for as long as it lasts. A call that is cancelled, or takes longer than the core said, has its connection closed.
 *
 * @param sockets where TLS sockets come from; the platform's own where none is given. A certificate that is to be pinned is
 *   pinned in here, or on Android in the app's network security configuration.
 */
public class HttpTransport(private val sockets: SSLSocketFactory? = null) : Transport {
    override suspend fun send(request: HttpRequest): HttpResponse {
        val limit = request.timeoutSeconds.toLong() * 1_000
        return try {
            withTimeout(limit) { exchange(request, limit.toInt()) }
        } catch (_: TimeoutCancellationException) {
            throw TransportException.TimedOut()
        }
    }

    private suspend fun exchange(request: HttpRequest, limit: Int): HttpResponse {
        val connection = open(request, limit)
        return suspendCancellableCoroutine { call ->
            call.invokeOnCancellation { connection.disconnect() }
            thread(name = "assent-http", isDaemon = true) {
                val answered = runCatching { answer(connection, request) }
                if (call.isActive) {
                    answered.fold({ call.resume(it) { _, _, _ -> } }, { call.resumeWithException(typed(it)) })
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

    private fun answer(connection: HttpURLConnection, request: HttpRequest): HttpResponse {
        try {
            if (request.body.isNotEmpty()) {
                connection.doOutput = true
                connection.setFixedLengthStreamingMode(request.body.size)
                connection.outputStream.use { it.write(request.body) }
            }
            val status = connection.responseCode
            if (status < 0) throw IOException("what answered speaks no HTTP")
            val headers = connection.headerFields.entries.flatMap { (name, values) ->
                if (name == null) emptyList() else values.map { HttpHeader(name, it) }
            }
            return HttpResponse(status.toUShort(), headers, body(connection, status))
        } finally {
            connection.disconnect()
        }
    }

    private fun body(connection: HttpURLConnection, status: Int): ByteArray {
        val stream = (if (status < 400) connection.inputStream else connection.errorStream) ?: return ByteArray(0)
        val read = ByteArrayOutputStream()
        stream.use {
            val chunk = ByteArray(8_192)
            while (true) {
                val length = it.read(chunk)
                if (length < 0) return read.toByteArray()
                read.write(chunk, 0, length)
                if (read.size() > MOST_BODY_BYTES) throw IOException("the reply is longer than any of this protocol")
            }
        }
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
