package org.assent.sample.push

import java.util.Base64
import org.assent.device.core.PushTarget
import org.assent.sample.MapMemory
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class UnifiedPushTest {
    private val protocol = UnifiedPush(MapMemory())

    @Test
    fun `an endpoint becomes a target with a point of P-256 and a secret of 16 bytes`() {
        val token = protocol.begin("org.example.distributor")
        val told = protocol.read(UnifiedPush.NEW_ENDPOINT, token, "https://push.example/abc", null) as Told.Target
        val target = told.target as PushTarget.WebPush
        val point = Base64.getUrlDecoder().decode(target.p256dh)
        assertEquals("https://push.example/abc", target.endpoint)
        assertEquals(65 to 4.toByte(), point.size to point[0])
        assertEquals(16, Base64.getUrlDecoder().decode(target.auth).size)
    }

    @Test
    fun `the same distributor keeps token and target, another gets others`() {
        val token = protocol.begin("org.example.one")
        val target = protocol.read(UnifiedPush.NEW_ENDPOINT, token, "https://push.example/a", null)
        assertEquals(token, protocol.begin("org.example.one"))
        assertEquals(target, protocol.read(UnifiedPush.NEW_ENDPOINT, token, "https://push.example/a", null))
        assertNotEquals(token, protocol.begin("org.example.two"))
        assertNull(protocol.read(UnifiedPush.NEW_ENDPOINT, token, "https://push.example/a", null))
    }

    @Test
    fun `a broadcast with another token, or none, or of another kind is passed over`() {
        assertNull(protocol.read(UnifiedPush.MESSAGE, null, null, null))
        val token = protocol.begin("org.example.distributor")
        assertNull(protocol.read(UnifiedPush.MESSAGE, "guessed", null, null))
        assertNull(protocol.read(UnifiedPush.MESSAGE, null, null, null))
        assertNull(protocol.read("org.example.OTHER", token, null, null))
        assertNull(protocol.read(UnifiedPush.NEW_ENDPOINT, token, null, null))
        assertEquals(Told.Message, protocol.read(UnifiedPush.MESSAGE, token, null, null))
    }

    @Test
    fun `what failed or ended is begun again with another token`() {
        val ends = listOf(UnifiedPush.REGISTRATION_FAILED to "NETWORK", UnifiedPush.UNREGISTERED to "unregistered")
        for ((action, reason) in ends) {
            val token = protocol.begin("org.example.distributor")
            assertEquals(Told.Failed(reason), protocol.read(action, token, null, reason))
            assertNull(protocol.read(UnifiedPush.MESSAGE, token, null, null))
            assertNotEquals(token, protocol.begin("org.example.distributor"))
        }
    }

    @Test
    fun `every point has two coordinates of 32 bytes, also where one is a small number`() {
        repeat(500) {
            val token = protocol.begin("distributor$it")
            val told = protocol.read(UnifiedPush.NEW_ENDPOINT, token, "https://push.example/", null) as Told.Target
            assertTrue(Base64.getUrlDecoder().decode((told.target as PushTarget.WebPush).p256dh).size == 65)
        }
    }
}
