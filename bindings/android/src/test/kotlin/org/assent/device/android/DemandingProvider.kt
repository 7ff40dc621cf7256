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
        val (public, private) = freePorts()
        val made = ProcessBuilder(
            assent, "init", "--dir", settings.path, "--listen", "127.0.0.1:$public", "--admin-listen", "127.0.0.1:$private",
        ).redirectErrorStream(true).redirectOutput(log).start()
        check(made.waitFor() == 0) { log.readText() }
        val config = File(settings, "assent.toml")
        config.writeText(demand(config.readText(), root, kind))
        process = ProcessBuilder(assent, "serve", "--config", config.path, "--print-addresses").redirectError(log).start()
        CompletableFuture.supplyAsync { process.inputReader().readLine() }.get(60, TimeUnit.SECONDS) ?: error(log.readText())
        issuer = "http://127.0.0.1:$public"
        admin = "http://127.0.0.1:$private/admin/v1"
    }

    /** Two, found free a moment ago: phones remember the issuer, so it has to be known before the server starts. */
    private fun freePorts(): List<Int> {
        val held = List(2) { ServerSocket(0) }
        return held.map { it.localPort }.also { held.forEach(ServerSocket::close) }
    }

    private fun demand(config: String, root: X509Certificate, kind: String): String {
        val base64 = Base64.getMimeEncoder().encodeToString(root.encoded)
        File(settings, "roots.pem").writeText("-----BEGIN CERTIFICATE-----\n$base64\n-----END CERTIFICATE-----\n")
        val app = "$APP_PACKAGE ${HexFormat.of().formatHex(APP_DIGEST)}"
        return config.with("""attestation = "record"""", """attestation = "require"""")
            .with("""verified_kind = "biometric"""", """verified_kind = "$kind"""") +
            "\n[attestation.android]\nroots = [\"roots.pem\"]\napps = [\"$app\"]\n"
    }

    /** Another value than the one that the file shows as its default. */
    private fun String.with(old: String, new: String): String {
        check("\n#$old\n" in this) { "no such setting: $old" }
        return replace("\n#$old\n", "\n$new\n")
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
    fun device(subject: String): JsonObject =
        operator("GET", "/users/$subject/devices")["devices"].asJsonArray.single().asJsonObject
}
