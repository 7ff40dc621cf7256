package org.assent.device.software

import java.io.File
import java.nio.file.Files
import java.nio.file.attribute.PosixFilePermissions
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.withContext
import org.assent.device.core.SecureStore
import org.assent.device.core.StoreException
import org.assent.device.newFolder
import org.assent.device.test
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory
import org.junit.jupiter.api.assertThrows

/** Documents in memory and in files. */
class StoresTest {
    private val folder = newFolder().resolve("within/state")
    private val store = FileStore(folder)

    private fun permissions(file: File) = PosixFilePermissions.toString(Files.getPosixFilePermissions(file.toPath()))

    @TestFactory
    fun `each store keeps, replaces and deletes`(): List<DynamicTest> =
        listOf<SecureStore>(MemoryStore(), store).map { store ->
            dynamicTest(store.javaClass.simpleName) {
                test {
                    assertNull(store.load("a-1"))
                    store.save("a-1", "one".toByteArray())
                    store.save("a-1", "two".toByteArray())
                    assertEquals("two", store.load("a-1")?.decodeToString())
                    store.delete("a-1")
                    store.delete("a-1")
                    assertNull(store.load("a-1"))
                }
            }
        }

    @Test
    fun `files and folders are their owner's alone`() = test {
        store.save("state", ByteArray(1))
        assertEquals("rw-------", permissions(folder.resolve("state")))
        assertEquals("rwx------", permissions(folder))
        assertEquals("rwx------", permissions(folder.parentFile))
    }

    @Test
    fun `no name leaves the folder, and none is taken for another`() = test {
        val names = listOf("", ".", "..", "../a", "/etc/passwd", "a.b", "a/b", "%", "%2e", "A", "ä")
        for (name in names) store.save(name, name.toByteArray())
        for (name in names) assertEquals(name, store.load(name)?.decodeToString())
        assertEquals(names.size, folder.list()!!.size)
        assertEquals(listOf("state"), folder.parentFile.list()!!.toList())
    }

    @Test
    fun `a reader sees one document or another, never a part of one`() = test {
        val documents = listOf(ByteArray(100_000) { 1 }, ByteArray(50_000) { 2 })
        store.save("state", documents[0])
        withContext(Dispatchers.IO) {
            val writing = async { repeat(50) { store.save("state", documents[it % 2]) } }
            while (!writing.isCompleted) {
                val read = store.load("state")!!
                assertTrue(documents.any { it.contentEquals(read) })
            }
            awaitAll(writing)
        }
        assertEquals(listOf("state"), folder.list()!!.toList())
    }

    @Test
    fun `a folder that cannot be made is a failure of the store`() = test {
        val occupied = newFolder().resolve("file").apply { writeText("not a folder") }
        assertThrows<StoreException.Failed> { FileStore(occupied).save("state", ByteArray(1)) }
    }
}
