package org.assent.device

import java.io.File
import kotlin.time.Duration
import kotlin.time.DurationUnit
import kotlin.time.measureTime
import kotlinx.coroutines.runBlocking
import org.assent.device.core.DeviceCore
import org.assent.device.core.EnrolmentState
import org.assent.device.core.Outcome
import org.assent.device.core.Ports
import org.assent.device.core.PushTarget
import org.assent.device.core.Settings
import org.assent.device.scenarios.Provider
import org.assent.device.software.MemoryStore
import org.assent.device.software.SoftwareKeyVault
import org.assent.device.software.SystemClock

private const val WARM_UP = 100
private const val MEASURED = 500

/** Prints how long one `approve` takes with keys and state in memory, against a provider on loopback. */
fun main(): Unit = runBlocking {
    val provider = Provider(File(System.getProperty("simulator")).canonicalPath, File(System.getProperty("log")))
    provider.use {
        val ports = Ports(SoftwareKeyVault(), MemoryStore(), HttpTransport(), SystemClock())
        val core = DeviceCore(Settings(listOf(it.issuer), development = true), ports)
        val client = it.newClient(metadata("Measured Bank"))
        val subject = it.newUser()
        val enrolment = core.enrol(it.ticket(subject), INFO, PushTarget.None)
        it.typeDigits(enrolment.account(), enrolment.digits()!!)
        check(enrolment.refresh() == EnrolmentState.ACTIVE)
        val times = List(WARM_UP + MEASURED) { number ->
            it.ask(client, subject, mapOf("binding_message" to "Number $number"))
            core.pending(enrolment.account(), 5u).single().use { request ->
                request.display()
                measureTime { check(core.approve(request) == Outcome.APPROVED) }
            }
        }.drop(WARM_UP).sorted()
        println("approve: p50 ${times.at(0.50)}, p95 ${times.at(0.95)}, p99 ${times.at(0.99)} of $MEASURED after $WARM_UP")
    }
}

private fun List<Duration>.at(part: Double): String = this[(size * part).toInt()].toString(DurationUnit.MILLISECONDS, 2)
