package org.assent.device.android

import com.sun.jna.Structure
import java.io.File
import org.assent.device.core.DeviceCore
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** What Gradle builds, and nobody here can, is held to what Maven builds and tests. */
class BuildsTest {
    private val folder = File(System.getProperty("basedir"))
    private val maven = File(folder, "pom.xml").readText()
    private val gradle = File(folder, "build.gradle.kts").readText()

    private fun only(pattern: String, text: String): String =
        Regex(pattern).findAll(text).map { it.groupValues[1] }.toSet().singleOrNull() ?: error("not one value for $pattern")

    @Test
    fun `both builds have the same versions`() {
        for ((property, place) in mapOf(
            "kotlin" to """kotlin\.android"\) version "([^"]+)"""",
            "coroutines" to """kotlinx-coroutines-core:([^"]+)"""",
            "jna" to """net\.java\.dev\.jna:jna:([^"]+)@aar"""",
        )) {
            assertEquals(only("<$property\\.version>(.+)</", maven), only(place, gradle), property)
        }
        assertEquals(only("<jvmTarget>(.+)</", maven), only("VERSION_(\\d+)", gradle))
    }

    @Test
    fun `both builds compile the same folders against the same Android`() {
        val compiled = Regex("<sourceDir>([^<]+)</sourceDir>").findAll(maven.substringBefore("<id>test-compile</id>"))
            .map { it.groupValues[1].replace("\${bindings}", "..").replace("\${project.basedir}/", "") }
            .map { it.replace("\${generated}", "\$built/generated") }
        val packed = only("""kotlin\.setSrcDirs\(listOf\((.+)\)\)""", gradle).split(", ").map { it.trim('"') }
        assertEquals(compiled.toSet(), packed.toSet())
        // Android 14 is API level 34.
        assertEquals("14", only("<android\\.version>(\\d+)-", maven))
        assertEquals("34", only("compileSdk = (\\d+)", gradle))
    }

    @Test
    fun `native code and Gradle are built for the same oldest phone, and the scripts for the same kinds of phones`() {
        val aar = File(folder, "aar").readText()
        assertEquals(only("minSdk = (\\d+)", gradle), only("LEVEL=(\\d+)", aar))
        for (abi in listOf("arm64-v8a", "armeabi-v7a", "x86_64")) assertTrue("[$abi]=" in aar, abi)
    }

    @Test
    fun `shrinking keeps every package that native code looks into`() {
        val rules = File(folder, "consumer-rules.pro").readText()
        val kept = Regex("""-keep class ([\w.]+)\.\*\* \{ \*; }""").findAll(rules).map { it.groupValues[1] }.toSet()
        assertEquals(setOf(Structure::class.java.packageName, DeviceCore::class.java.packageName), kept)
    }
}
