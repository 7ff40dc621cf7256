package org.assent.device

import java.io.File
import org.assent.device.scenarios.Player
import org.assent.device.scenarios.Provider
import org.assent.device.scenarios.scenarios
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.TestFactory

/** What the Swift and Python tests play as well. */
class ScenariosTest {
    @TestFactory
    fun `every scenario comes to what it says`(): List<DynamicTest> {
        val files = scenarios(File(System.getProperty("scenarios")))
        assertTrue(files.isNotEmpty(), "there is no scenario")
        return files.map { file ->
            DynamicTest.dynamicTest(file.nameWithoutExtension) { Player(Provider.running, ::SoftwareHandset).play(file) }
        }
    }
}
