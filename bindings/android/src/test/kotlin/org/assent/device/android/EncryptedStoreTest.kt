package org.assent.device.android

import java.io.File
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.runBlocking
import org.assent.device.android.phone.AndroidKeyStore
import org.assent.device.android.phone.Hardware
import org.assent.device.core.StoreException
import org.assent.device.newFolder
import org.assent.device.software.FileLock
import org.assent.device.test
import org.assent.device.until
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test

private const val NAME = "assent-device"
private val CONTENT = "whose money goes where".toByteArray()

class EncryptedStoreTest {
    private val hardware = AndroidKeyStore.on(Hardware())
    private val folder = newFolder()
    private val store = EncryptedStore(folder, "state")

    /** That of the only document. */
    private fun file(): File = files().single()

    private fun files(): List<File> = folder.listFiles { file -> file.name != "key.lock" }!!.toList()

    private suspend fun failure(name: String = NAME): String = try {
        store.load(name).let { error("it was opened: $it") }
    } catch (failure: StoreException.Damaged) {
        failure.detail
    }

    @Test
    fun `what was saved last is loaded, also by another process`() = test {
        store.save(NAME, "before".toByteArray())
        store.save(NAME, CONTENT)
        assertArrayEquals(CONTENT, store.load(NAME))
        assertArrayEquals(CONTENT, EncryptedStore(folder, "state").load(NAME))
        store.save(NAME, ByteArray(0))
        assertArrayEquals(ByteArray(0), store.load(NAME))
    }

    @Test
    fun `a document that there is not is null, before and after a key is made`() = test {
        assertNull(store.load(NAME))
        assertEquals(emptySet<String>(), hardware.names)
        store.save(NAME, CONTENT)
        assertNull(store.load("another"))
        store.delete(NAME)
        store.delete(NAME)
        assertNull(store.load(NAME))
    }

    @Test
    fun `names that are no file names are kept apart`() = test {
        val names = listOf("a.b", "a/b", "../a", "", "A.B", "ä", ".")
        for (name in names) store.save(name, name.toByteArray())
        for (name in names) assertEquals(name, store.load(name)?.decodeToString())
        assertEquals(names.size, files().size)
    }

    @Test
    fun `a file tells neither the content nor that it was saved twice`() = test {
        store.save(NAME, CONTENT)
        val first = file().readBytes()
        store.save(NAME, CONTENT)
        assertFalse(String(first, Charsets.ISO_8859_1).contains("money"))
        assertFalse(first.contentEquals(file().readBytes()))
    }

    @Test
    fun `a changed bit anywhere is a failure and so is a file cut short or empty`() = test {
        store.save(NAME, CONTENT)
        val whole = file().readBytes()
        for (index in whole.indices) {
            file().writeBytes(whole.clone().also { it[index] = (it[index].toInt() xor 1).toByte() })
            failure()
        }
        for (size in whole.indices) {
            file().writeBytes(whole.copyOf(size))
            failure()
        }
        file().writeBytes(whole)
        assertArrayEquals(CONTENT, store.load(NAME))
    }

    @Test
    fun `a document in another's place is a failure`() = test {
        store.save("another", CONTENT)
        val another = file().readBytes()
        store.delete("another")
        store.save(NAME, CONTENT)
        file().writeBytes(another)
        failure()
    }

    @Test
    fun `a document whose key is gone is a failure, not a document that never was`() = test {
        store.save(NAME, CONTENT)
        hardware.lose("state")
        assertEquals("the key of the documents is gone", failure())
        store.save("another", CONTENT)
        failure()
        store.delete(NAME)
        assertNull(store.load(NAME))
    }

    @Test
    fun `a key store that is busy is a failure that passes`() = test {
        store.save(NAME, CONTENT)
        hardware.busy("state", true)
        assertThrows(StoreException.Failed::class.java) { runBlocking { store.load(NAME) } }
        assertThrows(StoreException.Failed::class.java) { runBlocking { store.save(NAME, CONTENT) } }
        hardware.busy("state", false)
        assertArrayEquals(CONTENT, store.load(NAME))
    }

    @Test
    fun `first saves at once make one key`() = test {
        val others = FileLock(File(folder, "key.lock"))
        others.acquire()
        val saving = List(2) { async { EncryptedStore(folder, "state").save("$it", CONTENT) } }
        until { hardware.lookups.size == saving.size } // Neither has found a key, and both wait.
        others.release()
        saving.awaitAll()
        for (index in saving.indices) assertArrayEquals(CONTENT, store.load("$index"))
    }

    @Test
    fun `the key is of 256 bits, chooses its own nonces, and needs no user`() = test {
        store.save(NAME, CONTENT)
        val spec = hardware.spec("state")
        assertEquals(256, spec.keySize)
        assertEquals(true, spec.isRandomizedEncryptionRequired)
        assertEquals(false, spec.isUserAuthenticationRequired)
    }
}
