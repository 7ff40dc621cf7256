package org.assent.device.software

import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.nio.channels.FileChannel
import java.nio.file.FileAlreadyExistsException
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.StandardCopyOption.ATOMIC_MOVE
import java.nio.file.StandardCopyOption.REPLACE_EXISTING
import java.nio.file.StandardOpenOption.READ
import java.nio.file.attribute.FileAttribute
import java.nio.file.attribute.PosixFilePermissions
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import org.assent.device.core.SecureStore
import org.assent.device.core.StoreException

/**
 * Documents as files of one folder that only their owner can read: for desktops, tests and tools. They are not encrypted.
 *
 * A document is replaced whole or not at all, and is on the disk when `save` returns.
 *
 * @param folder made, for its owner alone, with the first document.
 */
public class FileStore(private val folder: File) : SecureStore {
    override suspend fun load(name: String): ByteArray? = onDisk {
        file(name).let { if (it.exists()) it.readBytes() else null }
    }

    override suspend fun save(name: String, content: ByteArray): Unit = onDisk {
        val file = file(name).toPath()
        makeFolder(folder)
        val written = Files.createTempFile(folder.toPath(), "${file.fileName}.", ".new", *ownersAlone(folder, "rw-------"))
        try {
            FileOutputStream(written.toFile()).use {
                it.write(content)
                it.fd.sync()
            }
            Files.move(written, file, ATOMIC_MOVE, REPLACE_EXISTING)
        } finally {
            Files.deleteIfExists(written)
        }
        remember(folder.toPath())
    }

    override suspend fun delete(name: String): Unit = onDisk {
        Files.deleteIfExists(file(name).toPath())
        if (folder.exists()) remember(folder.toPath())
    }

    private fun file(name: String): File = File(folder, fileName(name))

    private suspend fun <T> onDisk(work: () -> T): T = withContext(Dispatchers.IO) {
        try {
            work()
        } catch (failure: IOException) {
            throw StoreException.Failed(failure.toString())
        }
    }
}

/** A name that leads nowhere else and that every system takes: of other characters, their UTF-8 in hexadecimal digits. */
private fun fileName(name: String): String = name.toByteArray().joinToString("") { byte ->
    val char = byte.toInt().toChar()
    if (char in 'a'..'z' || char in 'A'..'Z' || char in '0'..'9' || char in "-_") "$char" else "%%%02x".format(byte)
}.ifEmpty { "%" }

/** Makes [folder] and those above it where they are missing, for their owner alone. */
internal fun makeFolder(folder: File) {
    val path = folder.absoluteFile.toPath()
    if (Files.isDirectory(path)) return
    path.parent?.let { makeFolder(it.toFile()) }
    try {
        Files.createDirectory(path, *ownersAlone(path.parent.toFile(), "rwx------"))
    } catch (failure: FileAlreadyExistsException) {
        if (!Files.isDirectory(path)) throw failure
    }
}

/** The permissions that a new file in [folder] has from its first moment, on systems that know any. */
internal fun ownersAlone(folder: File, permissions: String): Array<FileAttribute<*>> =
    if ("posix" in folder.toPath().fileSystem.supportedFileAttributeViews()) {
        arrayOf(PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions)))
    } else {
        emptyArray()
    }

/** A name in a folder is on the disk when the folder is; systems that cannot open one do so by themselves. */
private fun remember(folder: Path) {
    val opened = try {
        FileChannel.open(folder, READ)
    } catch (_: IOException) {
        return
    }
    opened.use { it.force(true) }
}
