package org.assent.sample

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class DeviceNameTest {
    @Test
    fun `a name is cut between two code points, never within one`() {
        val phone = "📱"
        assertEquals(phone.repeat(60), deviceName(phone.repeat(61)))
        assertEquals(phone.repeat(60), deviceName(phone.repeat(60)))
        assertEquals("a" + phone.repeat(59), deviceName("a" + phone.repeat(60)))
        assertEquals("Anna's phone", deviceName("Anna's phone"))
    }
}
