/** The code of `bindings/kotlin/README.md`. */
package org.example.app

import java.io.File
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeoutOrNull
import org.assent.device.advice
import org.assent.device.awaitEnrolment
import org.assent.device.code
import org.assent.device.core.*
import org.assent.device.requests
import org.assent.device.retryAfter
import org.assent.device.software.softwarePorts

suspend fun approveOnce(issuer: String, ticket: String, folder: File) {
    val settings = Settings(issuers = listOf(issuer), development = issuer.startsWith("http:"))
    DeviceCore(settings, softwarePorts(folder)).use { core ->
        val info = DeviceInfo(name = "Desk", model = "Laptop", os = "Linux", appId = "org.example.app", appVersion = "1.0")
        val account = core.enrol(ticket, info, PushTarget.None).use { enrolment ->
            enrolment.digits()?.let { println("Type $it on the page that showed the ticket") }
            enrolment.account()
        }
        check(core.awaitEnrolment(account) == EnrolmentState.ACTIVE)
        val request = core.requests(account).first { it.isNotEmpty() }.first()
        val screen = request.display()
        println("${screen.title} ${screen.warnings}")
        screen.lines.forEach { println("${it.label}: ${it.value}") }
        println(core.approve(request))
    }
}

suspend fun approve(core: DeviceCore, request: ApprovalRequest): String = try {
    when (core.approve(request)) {
        Outcome.APPROVED -> "Approved"
        Outcome.DENIED, Outcome.DISPUTED -> "Denied before"
    }
} catch (_: DeviceException.UserCancelled) {
    "Not now"
} catch (failure: DeviceException) {
    log("${failure.code}: $failure")
    when {
        failure.retryAfter != null -> "No connection: it is sent when there is one" // by sync
        failure.advice == Advice.UserAction -> "Something is to be done on this phone first"
        else -> "That did not work"
    }
}

suspend fun approveWithin(core: DeviceCore, request: ApprovalRequest): Outcome? =
    withTimeoutOrNull(30.seconds) { core.approve(request) }

suspend fun opened(core: DeviceCore): List<ApprovalRequest> = core.sync(null).flatMap { it.requests }

fun watch(scope: CoroutineScope, core: DeviceCore, account: String): Job = scope.launch {
    core.requests(account).collect { requests -> show(requests) }
}

private val logged = mutableListOf<String>()

private fun log(line: String) {
    logged += line
}

private fun show(requests: List<ApprovalRequest>) = requests.forEach { log(it.display().title) }
