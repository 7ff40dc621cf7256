package org.assent.device.scenarios

import com.google.gson.JsonElement
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import java.io.File
import java.net.URI
import java.net.URLEncoder
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpRequest.BodyPublishers
import java.net.http.HttpResponse.BodyHandlers
import java.time.Duration
import java.util.Base64
import java.util.concurrent.CompletableFuture
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread

/** A relying party that was refused, by the `error` that OAuth names. */
class Refused(val error: String) : Exception(error)

/** A relying party's credentials. */
class Client(val id: String, val secret: String)

/** What a relying party has asked, and the digits that its screen shows. */
class Asked(val id: String, val matchCode: String?)

/** A provider on loopback: the program `simulator`, its admin API, and its endpoints for relying parties. */
class Provider(program: String, log: File) : AutoCloseable {
    private val http = HttpClient.newHttpClient()
    private val users = AtomicInteger()
    private val process: Process
    private val admin: String
    private val token: String

    /** Where phones enrol. */
    val issuer: String

    init {
        log.parentFile.mkdirs()
        process = ProcessBuilder(program, "--describe", "--listen", "127.0.0.1:0", "--interval", "1").redirectError(log).start()
        val said = process.inputReader()
        val first = CompletableFuture.supplyAsync { said.readLine() }.get(60, TimeUnit.SECONDS) ?: error(log.readText())
        thread(isDaemon = true) { said.forEachLine { } }
        val description = JsonParser.parseString(first).asJsonObject
        issuer = description["issuer"].asString
        admin = description["admin"].asJsonObject["url"].asString
        token = description["admin"].asJsonObject["token"].asString
    }

    override fun close() {
        process.destroy()
        if (!process.waitFor(20, TimeUnit.SECONDS)) process.destroyForcibly().waitFor()
    }

    private fun call(method: String, url: String, body: String?, vararg headers: String): Pair<Int, JsonElement> {
        val publisher = body?.let(BodyPublishers::ofString) ?: BodyPublishers.noBody()
        val request = HttpRequest.newBuilder(URI(url)).timeout(Duration.ofSeconds(30)).method(method, publisher).headers(*headers)
        val answer = http.send(request.build(), BodyHandlers.ofString())
        return answer.statusCode() to JsonParser.parseString(answer.body().ifEmpty { "null" })
    }

    private fun operator(method: String, path: String, body: String? = null, expect: IntRange = 200..299): JsonElement {
        val headers = arrayOf("Authorization", "Bearer $token", "Content-Type", "application/json")
        val (status, answer) = call(method, admin + path, body, *headers)
        check(status in expect) { "$method $path: $status $answer" }
        return answer
    }

    /** A relying party with this metadata. */
    fun newClient(metadata: JsonObject): Client {
        val made = operator("POST", "/clients", metadata.toString()).asJsonObject
        return Client(made["client_id"].asString, made["client_secret"].asString)
    }

    /** Ends a relying party: no other can be called like one that there is. */
    fun remove(client: Client) {
        operator("DELETE", "/clients/${client.id}")
    }

    /** A user who has nothing yet; returns the subject. */
    fun newUser(): String {
        val user = JsonObject().apply { addProperty("username", "user${users.incrementAndGet()}") }
        return operator("POST", "/users", user.toString()).asJsonObject["subject"].asString
    }

    /** A new ticket, as a page would show it. */
    fun ticket(subject: String): String = operator("POST", "/users/$subject/tickets").asJsonObject["ticket"].asString

    /** What the page that showed the ticket does with the digits that the user reads from the phone: 200, or 403. */
    fun typeDigits(enrolment: String, digits: String, expect: Int = 200) {
        val typed = JsonObject().apply { addProperty("digits", digits) }
        operator("POST", "/enrolments/$enrolment/confirm", typed.toString(), expect..expect)
    }

    /** The enrolments of the user's phones that are not revoked. */
    fun activeEnrolments(subject: String): List<String> =
        devices(subject).filter { it["status"].asString == "active" }.map { it["enrolment"].asString }

    /** An operator revokes the phone that came by this enrolment. */
    fun revoke(subject: String, enrolment: String) {
        val device = devices(subject).single { it["enrolment"].asString == enrolment }
        operator("POST", "/devices/${device["id"].asString}/revoke")
    }

    private fun devices(subject: String): List<JsonObject> =
        operator("GET", "/users/$subject/devices").asJsonObject["devices"].asJsonArray.map { it.asJsonObject }

    private fun post(client: Client, path: String, form: Map<String, String>): JsonObject {
        val basic = "Basic " + Base64.getEncoder().encodeToString("${client.id}:${client.secret}".toByteArray())
        val body = form.entries.joinToString("&") { (name, value) -> "$name=" + URLEncoder.encode(value, Charsets.UTF_8) }
        val type = "application/x-www-form-urlencoded"
        val (status, answer) = call("POST", issuer + path, body, "Authorization", basic, "Content-Type", type)
        if (status in 400..499) throw Refused(answer.asJsonObject["error"].asString)
        check(status in 200..299) { "$path: $status $answer" }
        return if (answer.isJsonObject) answer.asJsonObject else JsonObject()
    }

    /** A backchannel authentication request. */
    fun ask(client: Client, subject: String, parameters: Map<String, String>): Asked {
        val form = mapOf("scope" to "openid", "login_hint" to subject) + parameters
        val answer = post(client, "/backchannel/authenticate", form)
        return Asked(answer["auth_req_id"].asString, answer["match_code"]?.asString)
    }

    /** Takes a request back. */
    fun cancel(client: Client, asked: Asked) {
        post(client, "/backchannel/cancel", mapOf("auth_req_id" to asked.id))
    }

    /** Redeems a request for tokens. */
    fun poll(client: Client, asked: Asked) {
        val answer = post(client, "/token", mapOf("grant_type" to "urn:openid:params:grant-type:ciba", "auth_req_id" to asked.id))
        check(answer.has("access_token")) { "neither an error nor tokens" }
    }

    companion object {
        /** The one that all tests of a run share: the programs and files are named by system properties. */
        val running: Provider by lazy {
            Provider(File(System.getProperty("simulator")).canonicalPath, File(System.getProperty("log"))).also {
                Runtime.getRuntime().addShutdownHook(Thread(it::close))
            }
        }
    }
}
