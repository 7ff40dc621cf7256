package org.assent.device

import com.google.gson.JsonElement
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import java.io.File
import java.net.ServerSocket
import java.net.URI
import java.net.URLEncoder
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.nio.file.Files
import java.time.Duration
import java.util.Base64
import java.util.concurrent.CompletableFuture
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger

/** Status and JSON of one answer. */
data class Answer(val status: Int, val body: JsonElement)

/** A real `assent serve` on loopback, its admin API, and a relying party that polls. */
class Provider : AutoCloseable {
    private val directory = Files.createTempDirectory("assent-kotlin-").toFile()
    private val http = HttpClient.newHttpClient()
    private val users = AtomicInteger()
    private val process: Process
    private val admin: String
    private val token: String
    private val client: JsonObject
    val issuer: String

    init {
        val assent = File(System.getProperty("assent")).canonicalPath
        val (public, private) = List(2) { ServerSocket(0) }.let { held -> held.map { it.localPort }.also { held.forEach(ServerSocket::close) } }
        val settings = directory.resolve("op")
        val made = ProcessBuilder(
            assent, "init", "--dir", settings.path, "--listen", "127.0.0.1:$public", "--admin-listen", "127.0.0.1:$private",
        ).redirectErrorStream(true).redirectOutput(directory.resolve("init.log")).start()
        check(made.waitFor() == 0) { directory.resolve("init.log").readText() }
        val config = settings.listFiles()!!.single { it.extension == "toml" }
        process = ProcessBuilder(assent, "serve", "--config", config.path, "--print-addresses")
            .redirectError(directory.resolve("log")).start()
        issuer = "http://127.0.0.1:$public"
        admin = "http://127.0.0.1:$private/admin/v1"
        token = settings.listFiles()!!.single { it.name.startsWith("admin") && "token" in it.name }.readText().trim()
        val ready = CompletableFuture.supplyAsync { process.inputReader().readLine() }.get(60, TimeUnit.SECONDS)
        check(ready != null) { directory.resolve("log").readText() }
        client = admin("POST", "/clients", """{"client_name":"Example Bank","scope":"openid"}""").asJsonObject
    }

    override fun close() {
        process.destroy()
        if (!process.waitFor(20, TimeUnit.SECONDS)) process.destroyForcibly().waitFor()
        directory.deleteRecursively()
    }

    private fun call(method: String, url: String, body: String?, vararg headers: String): Answer {
        val publisher = body?.let(HttpRequest.BodyPublishers::ofString) ?: HttpRequest.BodyPublishers.noBody()
        val request = HttpRequest.newBuilder(URI(url)).timeout(Duration.ofSeconds(30)).method(method, publisher).headers(*headers)
        val answer = http.send(request.build(), HttpResponse.BodyHandlers.ofString())
        return Answer(answer.statusCode(), JsonParser.parseString(answer.body().ifEmpty { "null" }))
    }

    fun admin(method: String, path: String, body: String? = null, expect: IntRange = 200..299): JsonElement {
        val answer = call(method, admin + path, body, "Authorization", "Bearer $token", "Content-Type", "application/json")
        check(answer.status in expect) { "$method $path: $answer" }
        return answer.body
    }

    /** A user who has nothing yet; returns the subject. */
    fun newUser(): String {
        val name = "user${users.incrementAndGet()}"
        return admin("POST", "/users", """{"username":"$name"}""").asJsonObject["subject"].asString
    }

    fun ticket(subject: String): String = admin("POST", "/users/$subject/tickets").asJsonObject["ticket"].asString

    /** What the page that showed the ticket does with the digits that the user reads from the phone. */
    fun typeDigits(enrolment: String, digits: String, expect: IntRange = 200..200) {
        admin("POST", "/enrolments/$enrolment/confirm", """{"digits":"$digits"}""", expect)
    }

    fun activeDevices(subject: String): List<String> = admin("GET", "/users/$subject/devices").asJsonObject["devices"].asJsonArray
        .map { it.asJsonObject }.filter { it["status"].asString == "active" }.map { it["name"].asString }

    private fun post(path: String, vararg form: Pair<String, String>): Answer {
        val secret = "${client["client_id"].asString}:${client["client_secret"].asString}"
        val basic = "Basic " + Base64.getEncoder().encodeToString(secret.toByteArray())
        val body = form.joinToString("&") { (name, value) -> "$name=" + URLEncoder.encode(value, Charsets.UTF_8) }
        return call("POST", issuer + path, body, "Authorization", basic, "Content-Type", "application/x-www-form-urlencoded")
    }

    /** A backchannel authentication request; returns its auth_req_id. */
    fun ask(subject: String, message: String = "Pay 20 EUR"): String {
        val answer = post("/backchannel/authenticate", "scope" to "openid", "login_hint" to subject, "binding_message" to message)
        check(answer.status == 200) { "backchannel: $answer" }
        return answer.body.asJsonObject["auth_req_id"].asString
    }

    /** One call of the token endpoint: `tokens`, or the error. */
    fun poll(authReqId: String): String {
        val answer = post("/token", "grant_type" to "urn:openid:params:grant-type:ciba", "auth_req_id" to authReqId)
        return if (answer.status == 200) "tokens" else answer.body.asJsonObject["error"].asString
    }
}
