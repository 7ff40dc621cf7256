package org.assent.device

import java.io.File

/** Another process of the same program, which begins at this class's `main`. */
fun child(main: String, vararg arguments: String): Process {
    val java = File(System.getProperty("java.home"), "bin/java").path
    return ProcessBuilder(java, "-cp", System.getProperty("java.class.path"), main, *arguments)
        .redirectError(ProcessBuilder.Redirect.INHERIT).start()
}
