package org.assent.device.android

import com.google.gson.JsonObject
import com.google.gson.JsonParser
import java.io.File
import java.net.ServerSocket
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpRequest.BodyPublishers
import java.net.http.HttpResponse.BodyHandlers
import java.security.cert.X509Certificate
import java.util.Base64
import java.util.HexFormat
import java.util.concurrent.CompletableFuture
import java.util.concurrent.TimeUnit
import org.assent.device.android.phone.APP_DIGEST
import org.assent.device.android.phone.APP_PACKAGE
import org.assent.device.newFolder

/** A provider on loopback (`assent serve`) that takes no phone without attestation by this root, and keys of this kind. */
internal class DemandingProvider(root: X509Certificate, kind: String) : AutoCloseable {
    private val settings = File(newFolder(), "op")
    private val log = File(settings.parentFile, "log")
    private val http = HttpClient.newHttpClient()
    private val process: Process
    private val admin: String
    val issuer: String

    init {
        val assent = File(System.getProperty("assent")).canonicalPath
        val (public, private) = List(2) { ServerSocket(0) }.let { held -> held.map { it.localPort }.also { held.forEach(ServerSocket::close) } }
        val init = listOf("init", "--dir", settings.path, "--listen", "127.0.0.1:$public", "--admin-listen", "127.0.0.1:$private")
        val made = ProcessBuilder(listOf(assent) + init).redirectErrorStream(true).redirectOutput(log).start()
        check(made.waitFor() == 0) { log.readText() }
        val config = File(settings, "assent.toml")
        config.writeText(demand(config.readText(), root, kind))
        process = ProcessBuilder(assent, "serve", "--config", config.path, "--print-addresses").redirectError(log).start()
        CompletableFuture.supplyAsync { process.inputReader().readLine() }.get(60, TimeUnit.SECONDS) ?: error(log.readText())
        issuer = "http://127.0.0.1:$public"
        admin = "http://127.0.0.1:$private/admin/v1"
    }

    private fun demand(config: String, root: X509Certificate, kind: String): String {
        val pem = "-----BEGIN CERTIFICATE-----\n${Base64.getMimeEncoder().encodeToString(root.encoded)}\n-----END CERTIFICATE-----\n"
        File(settings, "roots.pem").writeText(pem)
        return replaced(replaced(config, "#attestation = \"record\"", "attestation = \"require\""), "#verified_kind = \"biometric\"", "verified_kind = \"$kind\"") +
            "\n[attestation.android]\nroots = [\"roots.pem\"]\napps = [\"$APP_PACKAGE ${HexFormat.of().formatHex(APP_DIGEST)}\"]\n"
    }

    private fun replaced(config: String, old: String, new: String): String {
        check(old in config) { "no such setting: $old" }
        return config.replace(old, new)
    }

    override fun close() {
        process.destroy()
        if (!process.waitFor(20, TimeUnit.SECONDS)) process.destroyForcibly().waitFor()
    }

    private fun operator(method: String, path: String, body: String = ""): JsonObject {
        val token = File(settings, "admin.token").readText().trim()
        val request = HttpRequest.newBuilder(URI(admin + path)).header("Authorization", "Bearer $token")
            .header("Content-Type", "application/json").method(method, BodyPublishers.ofString(body)).build()
        val answer = http.send(request, BodyHandlers.ofString())
        check(answer.statusCode() in 200..299) { "$method $path: ${answer.statusCode()} ${answer.body()}" }
        return answer.body().ifEmpty { "{}" }.let { JsonParser.parseString(it).asJsonObject }
    }

    fun newUser(name: String): String = operator("POST", "/users", """{"username":"$name"}""")["subject"].asString

    fun ticket(subject: String): String = operator("POST", "/users/$subject/tickets")["ticket"].asString

    fun typeDigits(enrolment: String, digits: String) {
        operator("POST", "/enrolments/$enrolment/confirm", """{"digits":"$digits"}""")
    }

    /** The user's only phone, as operators see it. */
    fun device(subject: String): JsonObject = operator("GET", "/users/$subject/devices")["devices"].asJsonArray.single().asJsonObject
}
