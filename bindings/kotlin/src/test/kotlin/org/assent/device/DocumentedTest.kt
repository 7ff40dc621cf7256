package org.assent.device

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** What is public says what it is. */
class DocumentedTest {
    @Test
    fun `every public item has a comment of its own`() {
        val files = File("src/main/kotlin").walk().filter { it.extension == "kt" }.toList()
        assertTrue(files.size >= 8, "there are ${files.size}")
        val bare = files.flatMap { file ->
            val lines = file.readLines()
            lines.indices.filter { lines[it].trimStart().startsWith("public ") && !isDocumented(lines, it) }
                .map { "${file.name}:${it + 1}: ${lines[it]}" }
        }
        assertEquals(emptyList<String>(), bare)
    }

    private fun isDocumented(lines: List<String>, line: Int): Boolean =
        lines.take(line).last { !it.trimStart().startsWith("@") }.trimEnd().endsWith("*/")
}
