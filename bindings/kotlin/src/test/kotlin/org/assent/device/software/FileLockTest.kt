package org.assent.device.software

import java.io.File
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.yield
import org.assent.device.child
import org.assent.device.core.LockException
import org.assent.device.newFolder
import org.assent.device.test
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

/** One at a time, of processes and of cores. */
class FileLockTest {
    private val file = newFolder().resolve("within/lock")

    private fun lock(patience: Duration = 1.minutes) = FileLock(file, patience)

    @Test
    fun `another lock on the same file waits until the first is released`() = test {
        val (first, second) = lock() to lock()
        first.acquire()
        val waiting = async { second.acquire() }
        yield()
        assertFalse(waiting.isCompleted)
        first.release()
        waiting.await()
        second.release()
    }

    @Test
    fun `one that waits for too long is told that it is held`() = test {
        val first = lock()
        first.acquire()
        assertThrows<LockException.Held> { lock(50.milliseconds).acquire() }
        first.release()
        lock(50.milliseconds).acquire()
    }

    @Test
    fun `another process is kept out, and what it held is given back when it dies`() = test {
        val holder = child("org.assent.device.software.FileLockTestKt", file.path)
        try {
            assertEquals("held", holder.inputReader().readLine())
            assertThrows<LockException.Held> { lock(50.milliseconds).acquire() }
        } finally {
            holder.destroyForcibly().waitFor()
        }
        lock().acquire()
    }

    @Test
    fun `a call that is abandoned while it waits, or after it got the lock, holds nothing`() = test {
        val first = lock()
        first.acquire()
        val waiting = launch(start = CoroutineStart.UNDISPATCHED) { lock().acquire() }
        waiting.cancelAndJoin()
        first.release()
        val holding = launch(start = CoroutineStart.UNDISPATCHED) {
            lock().acquire()
            yield()
        }
        holding.cancelAndJoin()
        lock(50.milliseconds).acquire()
    }

    @Test
    fun `a core whose own call was abandoned takes over what that had got`() = test {
        val lock = lock()
        lock.acquire()
        lock.acquire()
        lock.release()
        lock(50.milliseconds).acquire()
    }
}

/** A process that holds the lock on its first argument until it is ended. */
fun main(arguments: Array<String>) {
    runBlocking { FileLock(File(arguments[0])).acquire() }
    println("held")
    Thread.sleep(60_000)
}
