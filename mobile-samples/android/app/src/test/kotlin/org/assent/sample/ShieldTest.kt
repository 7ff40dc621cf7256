package org.assent.sample

import org.assent.sample.build.SAMPLE
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class ShieldTest {
    @Test
    fun `a touch counts only where no other window lies over ours, wholly or in part`() {
        val wholly = 0x1
        val partly = 0x2
        val another = 0x4
        assertTrue(isCovered(wholly))
        assertTrue(isCovered(partly))
        assertTrue(isCovered(another or partly))
        assertFalse(isCovered(0))
        assertFalse(isCovered(another))
    }

    @Test
    fun `every dialogue is shown protected`() {
        val sources = SAMPLE.resolve("app/src").walk().filter { it.extension == "kt" && "/test/" !in it.path }.map { it.readText() }
        val dialogues = sources.filter { "AlertDialog.Builder(" in it }.toList()
        assertEquals(3, dialogues.size)
        for (source in dialogues) {
            assertTrue(".create().showProtected()" in source)
            assertFalse(".show()" in source)
        }
    }
}
