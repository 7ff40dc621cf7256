package org.assent.device

import java.io.File
import java.nio.file.Files

private val all: File by lazy {
    val folder = Files.createTempDirectory("assent-kotlin-").toFile()
    Runtime.getRuntime().addShutdownHook(Thread { folder.deleteRecursively() })
    folder
}

/** An empty folder that is gone when the tests are. */
fun newFolder(): File = Files.createTempDirectory(all.toPath(), "").toFile()
