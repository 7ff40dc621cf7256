package org.assent.device

import kotlin.concurrent.thread
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.assent.device.core.ApprovalRequest
import org.assent.device.core.DenyReason
import org.assent.device.core.DeviceException
import org.assent.device.core.Outcome
import org.assent.device.core.PushTarget
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

/** Objects of the native library are released by `close`, whenever that is. */
class ClosingTest {
    @Test
    fun `a request that was closed twice is refused, also as an argument`() = test {
        val app = App().join()
        app.ask()
        val request = app.shown()
        request.close()
        request.close()
        assertThrows<IllegalStateException> { request.display() }
        assertThrows<IllegalStateException> { app.core.approve(request) }
        assertThrows<IllegalStateException> { app.core.deny(request, DenyReason.NOT_ME) }
        app.core.approve(app.shown())
    }

    @Test
    fun `an enrolment that was closed is refused, and can be had again`() = test {
        val app = App()
        val enrolment = app.core.enrol(app.provider.ticket(app.subject), INFO, PushTarget.None)
        val account = enrolment.account()
        enrolment.close()
        enrolment.close()
        assertThrows<IllegalStateException> { enrolment.refresh() }
        assertEquals(account, app.core.enrolment(account).account())
    }

    @Test
    fun `a core that was closed twice is refused`() = test {
        val core = App().core
        core.close()
        core.close()
        assertThrows<IllegalStateException> { core.accounts() }
    }

    @Test
    fun `a call that is under way when core and request are closed comes to its end`() = test {
        val app = App().join()
        val asked = app.ask()
        val request = app.shown()
        val dialogue = CompletableDeferred<Unit>()
        val closed = CompletableDeferred<Unit>()
        app.consents = {
            dialogue.complete(Unit)
            closed.await()
            true
        }
        val approving = async(Dispatchers.Default) { app.core.approve(request) }
        dialogue.await()
        app.core.close()
        request.close()
        closed.complete(Unit)
        assertEquals(Outcome.APPROVED, approving.await())
        assertEquals("tokens", app.poll(asked))
    }

    @Test
    fun `a call that is under way when the core is closed can be cancelled`() = test {
        val app = App().join()
        val begun = CompletableDeferred<Unit>()
        app.send = {
            begun.complete(Unit)
            awaitCancellation()
        }
        val waiting = launch(Dispatchers.Default) { app.core.pending(app.account, 25u) }
        begun.await()
        app.core.close()
        waiting.cancel()
        waiting.join()
    }

    @Test
    fun `threads that use and close one object at the same time get an answer or a refusal`() = test {
        val app = App().join()
        repeat(10) {
            app.ask()
            val request = app.shown()
            val failures = List(4) { number ->
                val failure = CompletableDeferred<Throwable?>()
                thread {
                    failure.complete(
                        runCatching {
                            if (number == 3) request.close() else repeat(50) { runBlocking { use(app, request, number) } }
                        }.exceptionOrNull(),
                    )
                }
                failure
            }
            failures.mapNotNull { it.await() }.forEach { assertEquals(IllegalStateException::class.java, it.javaClass) }
            app.core.pending(app.account, 0u).forEach { app.core.deny(it, DenyReason.CANCELLED) }
        }
    }

    private suspend fun use(app: App, request: ApprovalRequest, number: Int) {
        try {
            if (number == 0) request.clientName() else app.core.approve(request)
        } catch (_: DeviceException) {
            // An answer: busy, or answered before.
        }
    }
}
