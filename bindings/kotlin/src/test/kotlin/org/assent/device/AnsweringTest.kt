package org.assent.device

import java.util.concurrent.CopyOnWriteArrayList
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import org.assent.device.core.DenyReason
import org.assent.device.core.DeviceException
import org.assent.device.core.Outcome
import org.assent.device.core.SigningReason
import org.assent.device.core.TransportException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** What a phone is asked, and answers. */
class AnsweringTest {
    @Test
    fun `an approval gives the client its tokens`() = test {
        val app = App().join()
        val asked = app.ask("Pay 20 EUR to Bob")
        val request = app.core.pending(app.account, 5u).single()
        assertEquals(listOf("Ordinary Bank", "Pay 20 EUR to Bob"), request.display().lines.map { it.value })
        assertEquals(Outcome.APPROVED, app.core.approve(request))
        assertEquals(1, app.approvals)
        assertEquals(true, request.receipt()?.approved)
        assertEquals("tokens", app.poll(asked))
    }

    @Test
    fun `a denial asks nothing of the user and gives the client access_denied`() = test {
        val app = App().join()
        val asked = app.ask()
        assertEquals(Outcome.DENIED, app.core.deny(app.shown(), DenyReason.NOT_ME))
        assertEquals(emptyList<SigningReason>(), app.reasons)
        assertEquals("access_denied", app.poll(asked))
    }

    @Test
    fun `the flow of requests tells what is pending whenever that changes`() = test {
        val app = App().join()
        val told = CopyOnWriteArrayList<Int>()
        val collecting = launch(Dispatchers.Default) { app.core.requests(app.account).collect { told += it.size } }
        until { told.size == 1 }
        app.ask()
        until { told.size == 2 }
        app.core.approve(app.shown())
        until { told.size == 3 }
        collecting.cancel()
        assertEquals(listOf(0, 1, 0), told)
    }

    @Test
    fun `the flow waits out a network that is away`() = test {
        val app = App().join()
        app.send = { throw TransportException.Unreachable("no network") }
        val waited = CopyOnWriteArrayList<String>()
        val found = app.core.requests(app.account) { failure, _ ->
            waited += failure.code
            app.work()
        }.first()
        assertEquals(0, found.size)
        assertEquals(listOf("unreachable"), waited)
    }

    @Test
    fun `the flow ends with a failure that does not pass by itself`() = test {
        val app = App()
        assertEquals("unknown_account", codeOf { app.core.requests("AAAAAAAAAAAAAAAAAAAAAA").first() })
    }

    @Test
    fun `approving and denying one request from two threads gives one decision`() = test {
        val app = App().join()
        repeat(5) {
            val asked = app.ask()
            val request = app.shown()
            val outcomes = withContext(Dispatchers.Default) {
                listOf(
                    async { runCatching { app.core.approve(request) } },
                    async { runCatching { app.core.deny(request, DenyReason.CANCELLED) } },
                ).awaitAll()
            }
            val failure = outcomes.mapNotNull { it.exceptionOrNull() }.single() as DeviceException
            assertTrue(failure.code in setOf("busy", "already_answered"), failure.code)
            val expected = if (outcomes[0].isSuccess) "tokens" else "access_denied"
            assertEquals(expected, app.poll(asked))
        }
    }

    @Test
    fun `a lost reply is made good after a restart without asking the user again`() = test {
        val app = App().join()
        val asked = app.ask()
        val request = app.shown()
        val send = app.send
        app.send = { call -> send(call).also { if (call.url.endsWith("/decision")) throw TransportException.TimedOut() } }
        assertEquals("unreachable", codeOf { app.core.approve(request) })
        app.work()
        app.restart()
        assertEquals(listOf(1u), app.core.sync(null).map { it.concluded })
        assertEquals("tokens", app.poll(asked))
        assertEquals(1, app.approvals)
    }

    @Test
    fun `an approval that is cancelled while the user is asked can be given later`() = test {
        val app = App().join()
        val asked = app.ask()
        val request = app.shown()
        val dialogue = CompletableDeferred<Unit>()
        app.consents = {
            dialogue.complete(Unit)
            awaitCancellation()
        }
        val approving = launch(Dispatchers.Default) { app.core.approve(request) }
        dialogue.await()
        approving.cancel()
        approving.join()
        assertEquals("authorization_pending", app.poll(asked))
        app.work()
        assertEquals(Outcome.APPROVED, app.core.approve(request))
        assertEquals(Outcome.APPROVED, request.receipt()?.outcome)
    }

    @Test
    fun `an approval that is cancelled while it is sent is sent again unchanged`() = test {
        val app = App().join()
        val asked = app.ask()
        val request = app.shown()
        val bodies = CopyOnWriteArrayList<String>()
        val sending = CompletableDeferred<Unit>()
        val send = app.send
        app.send = { call ->
            if (call.url.endsWith("/decision")) {
                bodies += call.body.decodeToString()
                if (sending.complete(Unit)) awaitCancellation()
            }
            send(call)
        }
        val approving = launch(Dispatchers.Default) { app.core.approve(request) }
        sending.await()
        approving.cancel()
        approving.join()
        assertEquals(Outcome.APPROVED, app.core.approve(request))
        assertEquals("tokens", app.poll(asked))
        assertEquals(1, app.approvals)
        assertEquals(bodies[0], bodies[1])
    }

    @Test
    fun `a long poll that is cancelled leaves the core in order`() = test {
        val app = App().join()
        val begun = CompletableDeferred<Unit>()
        val ended = CompletableDeferred<Throwable>()
        val send = app.send
        app.send = { call ->
            begun.complete(Unit)
            try {
                send(call)
            } catch (failure: Throwable) {
                ended.complete(failure)
                throw failure
            }
        }
        val waiting = launch(Dispatchers.Default) { app.core.pending(app.account, 25u) }
        begun.await()
        waiting.cancel()
        waiting.join()
        assertTrue(ended.await() is CancellationException)
        app.work()
        app.ask()
        assertEquals(1, app.core.pending(app.account, 5u).size)
    }
}
