package org.assent.device.android

import java.io.File
import org.assent.device.android.phone.AndroidHandset
import org.assent.device.android.phone.AndroidKeyStore
import org.assent.device.android.phone.Hardware
import org.assent.device.scenarios.Player
import org.assent.device.scenarios.Provider
import org.assent.device.scenarios.scenarios
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.TestFactory

/** What every other binding plays, with keys in a key store. */
class ScenariosTest {
    @TestFactory
    fun `every scenario comes to what it says`(): List<DynamicTest> {
        val hardware = AndroidKeyStore.on(Hardware())
        val files = scenarios(File(System.getProperty("scenarios")))
        assertTrue(files.isNotEmpty(), "there is no scenario")
        return files.map { file ->
            DynamicTest.dynamicTest(file.nameWithoutExtension) {
                Player(Provider.running) { AndroidHandset(hardware) }.play(file)
            }
        }
    }
}
