package org.assent.device

import java.io.File
import kotlinx.coroutines.runBlocking
import org.assent.device.core.DeviceCore
import org.assent.device.core.HttpRequest
import org.assent.device.core.HttpResponse
import org.assent.device.core.Settings
import org.assent.device.core.Transport
import org.assent.device.scenarios.Provider
import org.assent.device.software.softwarePorts
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

private const val DIED = 9

/** A process that ends in the middle of an approval. */
class DyingTest {
    @Test
    fun `what was signed and not sent when the process died is sent by sync, without asking the user again`() = test {
        val app = App().join()
        val asked = app.ask()
        app.core.close()
        val dying = child("org.assent.device.DyingTestKt", app.folder.path, Provider.running.issuer, app.account)
        assertEquals(DIED, dying.waitFor())
        assertEquals("authorization_pending", app.poll(asked))
        app.restart()
        assertEquals(listOf(1u), app.core.sync(null).map { it.concluded })
        assertEquals("tokens", app.poll(asked))
        assertEquals(0, app.approvals)
    }
}

/** Approves the only request, and dies where the decision would be sent. */
fun main(arguments: Array<String>): Unit = runBlocking {
    val (folder, issuer, account) = arguments
    val ports = softwarePorts(File(folder))
    val deadly = object : Transport {
        override suspend fun send(request: HttpRequest): HttpResponse {
            if (request.url.endsWith("/decision")) Runtime.getRuntime().halt(DIED)
            return ports.transport.send(request)
        }
    }
    val core = DeviceCore(Settings(listOf(issuer), development = true), ports.copy(transport = deadly))
    core.approve(core.pending(account, 5u).single().also { it.display() })
}
