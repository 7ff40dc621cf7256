package org.assent.device

import java.io.File
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import org.assent.device.core.DeviceCore
import org.assent.device.core.Outcome
import org.assent.device.core.Settings
import org.assent.device.core.TransportException
import org.assent.device.scenarios.Provider
import org.assent.device.software.softwarePorts
import org.example.app.approve
import org.example.app.approveOnce
import org.example.app.approveWithin
import org.example.app.opened
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** What the README shows is compiled, and works. */
class ReadmeTest {
    private val readme = File("README.md").readText()

    private fun blocks(language: String): List<String> =
        Regex("```$language\n(.*?)```", RegexOption.DOT_MATCHES_ALL).findAll(readme).map { it.groupValues[1] }.toList()

    @Test
    fun `every line of code is one that is compiled`() {
        val compiled = File("src/test/kotlin/org/example/app/Readme.kt").readText()
        val (imports, code) = blocks("kotlin").partition { it.startsWith("import ") }
        assertTrue(code.size >= 5, "there are ${code.size}")
        for (block in code) assertTrue(block in compiled, block)
        for (line in imports.flatMap { it.lines() }) assertTrue(line in compiled.lines(), line)
    }

    @Test
    fun `the package is named as it is built`() {
        val project = File("pom.xml").readText()
        val names = Regex("<(groupId|artifactId|version)>.*")
        val named = names.findAll(blocks("xml").single()).map { it.value }.toList()
        assertEquals(3, named.size)
        for (line in named) assertTrue("\n  $line\n" in project, line)
    }

    @Test
    fun `its approval works`() = test {
        val provider = Provider.running
        val (subject, folder) = provider.newUser() to newFolder()
        val approving = launch(Dispatchers.Default) { approveOnce(provider.issuer, provider.ticket(subject), folder) }
        // Whoever sits before both screens reads the digits; here, other cores on the same files do.
        until {
            DeviceCore(Settings(listOf(provider.issuer), development = true), softwarePorts(folder)).use { core ->
                val account = core.accounts().singleOrNull() ?: return@until false
                provider.typeDigits(account.id, core.enrolment(account.id).digits()!!)
                true
            }
        }
        val asked = provider.ask(BANK, subject, emptyMap())
        approving.join()
        provider.poll(BANK, asked)
    }

    @Test
    fun `its answers to failures fit them`() = test {
        val app = App().join()
        val asked = app.ask()
        val request = app.shown()
        app.consents = { false }
        assertEquals("Not now", approve(app.core, request))
        app.work()
        app.send = { throw TransportException.Unreachable("no network") }
        assertEquals("No connection: it is sent when there is one", approve(app.core, request))
        app.work()
        app.restart()
        assertEquals(0, opened(app.core).size)
        assertEquals("tokens", app.poll(asked))
    }

    @Test
    fun `its approval within a time is one`() = test {
        val app = App().join()
        app.ask()
        assertEquals(Outcome.APPROVED, approveWithin(app.core, app.shown()))
    }
}
