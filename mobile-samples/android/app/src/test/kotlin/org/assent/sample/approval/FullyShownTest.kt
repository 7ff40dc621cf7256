package org.assent.sample.approval

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class FullyShownTest {
    @Test
    fun `a line counts once its end is on the screen, and only after all above it`() {
        val bottoms = listOf(100, 200, 1_000)
        assertEquals(0, fullyShown(bottoms, 99))
        assertEquals(1, fullyShown(bottoms, 100))
        assertEquals(2, fullyShown(bottoms, 999))
        assertEquals(3, fullyShown(bottoms, 1_000))
    }

    @Test
    fun `where there is no line, none is missing`() = assertEquals(0, fullyShown(emptyList(), 500))
}
