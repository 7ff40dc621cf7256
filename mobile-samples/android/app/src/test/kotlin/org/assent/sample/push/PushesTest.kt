package org.assent.sample.push

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.runBlocking
import org.assent.device.core.DenyReason
import org.assent.device.core.Platform
import org.assent.device.core.PushTarget
import org.assent.device.scenarios.Network
import org.assent.sample.Inbox
import org.assent.sample.MapMemory
import org.assent.sample.Joined
import org.assent.sample.Waiting
import org.assent.sample.joined
import org.assent.sample.provider
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test

/** A push that says nothing more, as Firebase delivers it. */
private val WAKE = mapOf("v" to "1", "rid" to "any")

class PushesTest {
    private class FakeSource : PushSource {
        val calls = mutableListOf<String>()
        override val name = "fake:"

        override fun choices() = listOf(PushChoice("fake:one", "One"), PushChoice("fake:two", "Two"))

        override fun subscribe(choice: PushChoice, serverKey: String?) {
            calls += "subscribe ${choice.id}"
        }

        override fun unsubscribe() {
            calls += "unsubscribe"
        }
    }

    private val source = FakeSource()
    private val memory = MapMemory()

    private fun Joined.pushes() = Pushes(app.core, app.inbox, provider.issuer, memory, listOf(source))

    @Test
    fun `without a choice nobody is asked for pushes`(): Unit = runBlocking {
        joined {
            pushes().renew()
            assertEquals(emptyList<String>(), source.calls)
            assertEquals(PushTarget.None, pushes().target)
        }
    }

    @Test
    fun `a choice is subscribed to, again at each start, and ended by another`(): Unit = runBlocking {
        joined {
            val screen = PushPresenter(pushes(), CoroutineScope(Dispatchers.Default))
            screen.open().join()
            val (one, two) = screen.state.value.content.choices
            screen.choose(one).join()
            assertEquals("fake:one", screen.state.value.content.chosen)
            pushes().renew()
            screen.choose(two).join()
            screen.choose(null).join()
            assertNull(screen.state.value.content.chosen)
            val expected = listOf("subscribe fake:one", "subscribe fake:one", "unsubscribe", "subscribe fake:two", "unsubscribe")
            assertEquals(expected, source.calls)
        }
    }

    @Test
    fun `a target survives the process`(): Unit = runBlocking {
        joined {
            val webPush = PushTarget.WebPush("https://push.example/a", "p", "a")
            for (target in listOf(webPush, PushTarget.FcmToken(Platform.ANDROID, "token"))) {
                // The provider may refuse what is made up; it is kept all the same, and said again at the next sync.
                pushes().targetChanged(target)
                assertEquals(target, pushes().target)
            }
            pushes().targetChanged(PushTarget.None)
            assertEquals(PushTarget.None, pushes().target)
        }
    }

    @Test
    fun `a push makes the phone tell what waits, and take away what does not any more`(): Unit = runBlocking {
        joined {
            val asked = ask()
            pushes().received(null)
            assertEquals(app.inbox.waiting.value.map { it.id }.toSet(), app.board.told)
            assertEquals(1, app.board.told.size)
            bank.cancel(asked)
            pushes().received(null)
            assertEquals(emptySet<String>(), app.board.told)
        }
    }

    @Test
    fun `a push with data, as Firebase delivers it, does the same`(): Unit = runBlocking {
        joined {
            ask()
            pushes().received(WAKE)
            assertEquals(1, app.board.told.size)
        }
    }

    @Test
    fun `a push that a request is over takes away that one and leaves the other`(): Unit = runBlocking {
        joined {
            val first = ask()
            pushes().received(WAKE)
            val (told) = app.board.told.toList()
            ask("Pay 30 EUR")
            pushes().received(WAKE)
            assertEquals(2, app.board.told.size)
            bank.cancel(first)
            pushes().received(WAKE + ("dismiss" to "1"))
            assertEquals(1, app.board.told.size)
            assertFalse(told in app.board.told)
            assertEquals(app.board.told, app.inbox.waiting.value.map { it.id }.toSet())
        }
    }

    @Test
    fun `in a new process, a push for one account leaves what is told of the other`(): Unit = runBlocking {
        joined {
            val other = provider.newUser()
            val second = app.join(other)
            ask()
            pushes().received(null)
            val before = app.board.told
            app.restart()
            bank.ask(other, "Pay 30 EUR", emptyMap())
            // In place of what a server seals to the phone: the same request, fetched.
            val sealed = Inbox(app.core, app.board) { app.core.pending(second, 0u) }
            sealed.pushed(mapOf("v" to "1", "jwe" to "any"))
            assertEquals(listOf(second), sealed.waiting.value.map { it.account })
            assertEquals(before + sealed.waiting.value.single().id, app.board.told)
        }
    }

    @Test
    fun `in a new process, an answer takes away its own notification alone`(): Unit = runBlocking {
        joined {
            ask()
            ask("Pay 30 EUR")
            pushes().received(null)
            val (one, two) = app.inbox.waiting.value
            app.restart()
            app.approval(one).deny(DenyReason.CANCELLED).join()
            assertEquals(setOf(two.id), app.board.told)
        }
    }

    @Test
    fun `what is told while the phone is offline stays`(): Unit = runBlocking {
        joined {
            ask()
            pushes().received(null)
            app.restart()
            app.world.network = Network.DOWN
            pushes().received(WAKE)
            assertEquals(1, app.board.told.size)
        }
    }

    @Test
    fun `what is told ends with the request, and not at once where the phone's clock is ahead`() {
        val waiting = Waiting("account", "id", "Bank", null, expiresAt = 1_000)
        assertEquals(100_000, waiting.toldForMillis(now = 900_000))
        assertEquals(30_000, waiting.toldForMillis(now = 2_000_000))
    }

    @Test
    fun `why there are no pushes is told until there are`(): Unit = runBlocking {
        joined {
            val pushes = pushes()
            pushes.failed("NETWORK")
            assertEquals("NETWORK", pushes.failure.value)
            pushes.targetChanged(PushTarget.None)
            assertNull(pushes.failure.value)
        }
    }
}
