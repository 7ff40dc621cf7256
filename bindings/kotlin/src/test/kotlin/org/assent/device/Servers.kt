package org.assent.device

import java.io.File
import java.net.InetAddress
import java.net.ServerSocket
import java.security.KeyStore
import javax.net.ssl.KeyManagerFactory
import javax.net.ssl.SSLContext
import javax.net.ssl.SSLSocket
import kotlin.concurrent.thread

/** Takes connections and never says a word. */
class Silent : AutoCloseable {
    private val socket = ServerSocket(0, 8, InetAddress.getLoopbackAddress())
    val url = "http://127.0.0.1:${socket.localPort}/"

    override fun close() = socket.close()
}

/** Speaks TLS by a certificate that nobody trusts. */
class SelfSigned : AutoCloseable {
    private val store = File.createTempFile("assent-kotlin-", ".p12").also { it.delete() }
    private val socket: ServerSocket
    val url: String

    init {
        val keytool = File(System.getProperty("java.home"), "bin/keytool").path
        val made = ProcessBuilder(
            keytool, "-genkeypair", "-keyalg", "EC", "-dname", "CN=127.0.0.1", "-ext", "SAN=ip:127.0.0.1", "-keystore", store.path,
            "-storetype", "PKCS12", "-storepass", "password", "-alias", "server",
        ).redirectErrorStream(true).start()
        check(made.waitFor() == 0) { made.inputReader().readText() }
        val keys = KeyStore.getInstance(store, "password".toCharArray())
        val managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm())
        managers.init(keys, "password".toCharArray())
        val context = SSLContext.getInstance("TLS").apply { init(managers.keyManagers, null, null) }
        socket = context.serverSocketFactory.createServerSocket(0, 8, InetAddress.getLoopbackAddress())
        url = "https://127.0.0.1:${socket.localPort}/"
        thread(isDaemon = true) {
            while (!socket.isClosed) runCatching { (socket.accept() as SSLSocket).use { it.startHandshake() } }
        }
    }

    override fun close() {
        socket.close()
        store.delete()
    }
}
