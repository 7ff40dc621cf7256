package org.assent.device

import java.io.File
import java.net.InetAddress
import java.net.ServerSocket
import java.security.KeyStore
import javax.net.ssl.KeyManagerFactory
import javax.net.ssl.SSLContext
import javax.net.ssl.SSLSocket
import kotlin.concurrent.thread

/** Speaks TLS by a certificate that nobody trusts. */
class SelfSigned : AutoCloseable {
    private val socket: ServerSocket

    /** Where it listens. */
    val url: String

    init {
        val password = "password".toCharArray()
        val keys = KeyStore.getInstance(made(newFolder().resolve("keys")), password)
        val managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm())
        managers.init(keys, password)
        val context = SSLContext.getInstance("TLS").apply { init(managers.keyManagers, null, null) }
        socket = context.serverSocketFactory.createServerSocket(0, 8, InetAddress.getLoopbackAddress())
        url = "https://127.0.0.1:${socket.localPort}/"
        thread(isDaemon = true) {
            while (!socket.isClosed) runCatching { (socket.accept() as SSLSocket).use { it.startHandshake() } }
        }
    }

    private fun made(store: File): File {
        val keytool = File(System.getProperty("java.home"), "bin/keytool").path
        val process = ProcessBuilder(
            keytool, "-genkeypair", "-keyalg", "EC", "-dname", "CN=127.0.0.1", "-ext", "SAN=ip:127.0.0.1",
            "-keystore", store.path, "-storetype", "PKCS12", "-storepass", "password", "-alias", "server",
        ).redirectErrorStream(true).start()
        val said = process.inputReader().readText()
        check(process.waitFor() == 0) { said }
        return store
    }

    override fun close() = socket.close()
}
