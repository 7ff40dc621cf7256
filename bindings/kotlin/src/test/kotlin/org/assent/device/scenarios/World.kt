package org.assent.device.scenarios

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.awaitCancellation
import org.assent.device.core.Clock
import org.assent.device.core.HttpRequest
import org.assent.device.core.HttpResponse
import org.assent.device.core.KeyVault
import org.assent.device.core.Ports
import org.assent.device.core.SigningReason
import org.assent.device.core.Transport
import org.assent.device.core.TransportException

/** What lies between a phone and its server. */
enum class Network {
    /** Everything arrives. */
    UP,

    /** Nothing does. */
    DOWN,

    /** Calls arrive, answers do not. */
    LOSES_REPLIES,
}

/** What happens around one phone's ports, and to them. */
class World(val handset: Handset) {
    @Volatile
    var network = Network.UP

    /** Seconds that the wall clock is ahead. */
    @Volatile
    var clockAhead = 0L

    /** Completes when the process has died. */
    @Volatile
    private var death: CompletableDeferred<Unit>? = null

    @Volatile
    private var hasSigned = false

    /** From now on the process ends between signing an approval and sending it; returns what completes then. */
    fun dieBeforeSending(): CompletableDeferred<Unit> = CompletableDeferred<Unit>().also { death = it }

    /** Another process begins. */
    fun live() {
        death = null
        hasSigned = false
    }

    /** The same ports, in this world. */
    fun around(ports: Ports): Ports = ports.copy(
        vault = object : KeyVault by ports.vault {
            override suspend fun sign(alias: String, message: ByteArray, reason: SigningReason): ByteArray =
                ports.vault.sign(alias, message, reason).also { if (reason is SigningReason.Approval) hasSigned = true }
        },
        transport = object : Transport {
            override suspend fun send(request: HttpRequest): HttpResponse = carry(ports.transport, request)
        },
        clock = object : Clock by ports.clock {
            override fun unixMillis(): Long = ports.clock.unixMillis() + clockAhead * 1_000
        },
    )

    private suspend fun carry(transport: Transport, request: HttpRequest): HttpResponse {
        death?.takeIf { hasSigned }?.let {
            it.complete(Unit)
            awaitCancellation()
        }
        if (network == Network.DOWN) throw TransportException.Unreachable("the network is down")
        val response = transport.send(request)
        if (network == Network.LOSES_REPLIES) throw TransportException.TimedOut()
        return response
    }
}
