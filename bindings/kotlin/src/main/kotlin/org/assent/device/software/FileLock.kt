package org.assent.device.software

import java.io.File
import java.io.IOException
import java.nio.channels.FileChannel
import java.nio.file.StandardOpenOption.CREATE
import java.nio.file.StandardOpenOption.WRITE
import java.util.concurrent.ConcurrentHashMap
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource
import kotlinx.coroutines.Job
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.job
import org.assent.device.core.Lock
import org.assent.device.core.LockException

/**
 * Keeps processes apart that use the same storage, and cores of one process, each with a `FileLock` of its own.
 *
 * The system gives back what a process that died has held.
 *
 * @param file made, empty, where it is missing.
 * @param patience how long another one is waited for.
 */
public class FileLock(private val file: File, private val patience: Duration = 5.seconds) : Lock {
    private var opened: FileChannel? = null
    private var holder: Job? = null

    override suspend fun acquire() {
        val call = currentCoroutineContext().job
        // A call that is abandoned may have got the lock just then.
        call.invokeOnCompletion { cause -> if (cause != null) giveBack(call) }
        val begun = TimeSource.Monotonic.markNow()
        while (!isTaken(call)) {
            if (begun.elapsedNow() > patience) throw LockException.Held()
            delay(20.milliseconds)
        }
    }

    override fun release(): Unit = giveBack(null)

    /** A core takes the lock once at a time: what this object still holds was got by a call that was abandoned since. */
    @Synchronized
    private fun isTaken(call: Job): Boolean {
        if (opened == null) opened = open() ?: return false
        holder = call
        return true
    }

    private fun open(): FileChannel? {
        // To the system, locks belong to the process, and closing any channel of a file gives up all of them.
        if (!HELD_HERE.add(file.canonicalPath)) return null
        var channel: FileChannel? = null
        var locked = false
        try {
            makeFolder(file.absoluteFile.parentFile)
            channel = FileChannel.open(file.toPath(), setOf(CREATE, WRITE), *ownersAlone(file, "rw-------"))
            locked = channel.tryLock() != null
            return if (locked) channel else null
        } catch (failure: IOException) {
            throw LockException.Unexpected(failure.toString())
        } finally {
            if (!locked) {
                channel?.close()
                HELD_HERE -= file.canonicalPath
            }
        }
    }

    @Synchronized
    private fun giveBack(call: Job?) {
        if (call != null && call !== holder) return
        val channel = opened ?: return
        opened = null
        holder = null
        channel.close()
        HELD_HERE -= file.canonicalPath
    }

    private companion object {
        /** The files that some lock of this process holds. */
        val HELD_HERE: MutableSet<String> = ConcurrentHashMap.newKeySet()
    }
}
