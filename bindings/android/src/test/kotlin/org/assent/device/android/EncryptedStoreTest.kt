package org.assent.device.android

import java.io.File
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.runBlocking
import org.assent.device.android.phone.AndroidKeyStore
import org.assent.device.android.phone.Hardware
import org.assent.device.android.phone.User
import org.assent.device.android.phone.phonePorts
import org.assent.device.android.phone.prompter
import org.assent.device.core.DeviceCore
import org.assent.device.core.DeviceException
import org.assent.device.core.Settings
import org.assent.device.core.StoreException
import org.assent.device.newFolder
import org.assent.device.software.FileLock
import org.assent.device.test
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test

private const val NAME = "assent-device"
private const val KEY = "state.$NAME"
private val CONTENT = "whose money goes where".toByteArray()

class EncryptedStoreTest {
    private val hardware = AndroidKeyStore.on(Hardware())
    private val folder = newFolder()
    private val store = EncryptedStore(folder, 34, "state")

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
        assertArrayEquals(CONTENT, EncryptedStore(folder, 34, "state").load(NAME))
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

    private suspend fun assertDamaged(name: String) {
        assertEquals("the key of the document is gone", failure(name))
        assertThrows(StoreException.Damaged::class.java) { runBlocking { store.save(name, CONTENT) } }
    }

    @Test
    fun `a document whose key is gone is neither one that never was nor overwritten, until it is deleted`() = test {
        store.save(NAME, CONTENT)
        hardware.lose(KEY)
        val left = file().readBytes()
        assertDamaged(NAME)
        assertArrayEquals(left, file().readBytes())
        assertEquals(emptySet<String>(), hardware.names)
        store.delete(NAME)
        assertNull(store.load(NAME))
        store.save(NAME, CONTENT)
        assertArrayEquals(CONTENT, store.load(NAME))
    }

    @Test
    fun `a key that is gone harms no other document, whether or not the damaged one is deleted`() = test {
        for (name in listOf(NAME, "another")) store.save(name, CONTENT)
        hardware.lose(KEY)
        store.save("another", "since".toByteArray())
        store.save("new", CONTENT)
        assertDamaged(NAME)
        store.delete(NAME)
        store.save(NAME, CONTENT)
        for ((name, content) in mapOf(NAME to CONTENT, "another" to "since".toByteArray(), "new" to CONTENT)) {
            assertArrayEquals(content, store.load(name), name)
        }
    }

    @Test
    fun `all keys gone, each document is damaged until it is deleted, and nothing is in its way`() = test {
        val names = listOf(NAME, "another")
        for (name in names) store.save(name, CONTENT)
        for (name in hardware.names) hardware.lose(name)
        store.delete(NAME)
        store.save(NAME, CONTENT)
        assertArrayEquals(CONTENT, store.load(NAME))
        assertDamaged("another")
        store.delete("another")
        assertNull(store.load("another"))
    }

    @Test
    fun `a deleted document leaves no key behind`() = test {
        store.save(NAME, CONTENT)
        store.delete(NAME)
        assertEquals(emptySet<String>(), hardware.names)
    }

    @Test
    fun `the user gives up state whose key is gone, and enrols again`() = test {
        val ports = phonePorts(hardware, folder, prompter(User(hardware)))
        fun core() = DeviceCore(Settings(listOf("https://id.example.com"), development = false), ports)
        ports.store.save(NAME, CONTENT)
        ports.store.save("assent-denials", CONTENT)
        for (name in hardware.names) hardware.lose(name)
        core().use { core ->
            assertThrows(DeviceException.DamagedState::class.java) { runBlocking { core.accounts() } }
            core.discardDamagedState()
            assertEquals(emptyList<Any>(), core.accounts())
        }
        ports.store.save(NAME, CONTENT)
        assertArrayEquals(CONTENT, ports.store.load(NAME))
    }

    @Test
    fun `a key store that is busy is a failure that passes`() = test {
        for (level in listOf(28, 31, 34)) {
            val phone = AndroidKeyStore.on(Hardware(level))
            val store = EncryptedStore(newFolder(), level, "state")
            store.save(NAME, CONTENT)
            phone.busy(KEY, true)
            assertThrows(StoreException.Failed::class.java) { runBlocking { store.load(NAME) } }
            assertThrows(StoreException.Failed::class.java) { runBlocking { store.save(NAME, CONTENT) } }
            phone.busy(KEY, false)
            assertArrayEquals(CONTENT, store.load(NAME))
        }
    }

    @Test
    fun `nothing is saved or deleted while another process does so`() = test {
        store.save(NAME, CONTENT)
        val others = FileLock(File(folder, "key.lock"))
        others.acquire()
        val calls: List<suspend () -> Unit> =
            listOf({ store.save(NAME, MESSAGE) }, { store.save("new", MESSAGE) }, { store.delete(NAME) })
        for (refused in calls.map { async { runCatching { it() } } }.awaitAll()) {
            assertInstanceOf(StoreException.Failed::class.java, refused.exceptionOrNull())
        }
        assertArrayEquals(CONTENT, store.load(NAME))
        others.release()
        store.save(NAME, MESSAGE)
        assertArrayEquals(MESSAGE, store.load(NAME))
    }

    @Test
    fun `the key is of 256 bits, chooses its own nonces, and needs no user`() = test {
        store.save(NAME, CONTENT)
        val spec = hardware.spec(KEY)
        assertEquals(256, spec.keySize)
        assertEquals(true, spec.isRandomizedEncryptionRequired)
        assertEquals(false, spec.isUserAuthenticationRequired)
    }
}
