package org.assent.sample.push

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.runBlocking
import org.assent.device.core.Platform
import org.assent.device.core.PushTarget
import org.assent.sample.MapMemory
import org.assent.sample.Joined
import org.assent.sample.joined
import org.assent.sample.provider
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test

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
            pushes().received(mapOf("v" to "1", "rid" to "any"))
            assertEquals(1, app.board.told.size)
        }
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
