package org.assent.device.android

import com.sun.jna.Structure
import java.io.File
import org.assent.device.core.DeviceCore
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
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
            "kotlin" to """kotlin-gradle-plugin:([^"]+)"""",
            "coroutines" to """kotlinx-coroutines-core:([^"]+)"""",
            "jna" to """net\.java\.dev\.jna:jna:([^"]+)@aar"""",
        )) {
            assertEquals(only("<$property\\.version>(.+)</", maven), only(place, gradle), property)
        }
        val target = only("<jvmTarget>(.+)</", maven)
        assertEquals(target, only("VERSION_(\\d+)", gradle))
        assertEquals(target, only("compilerOptions\\.jvmTarget = JvmTarget\\.JVM_(\\d+)", gradle))
    }

    @Test
    fun `Gradle builds the library and the sample by one version of Android's plugin`() {
        val sample = File(folder, "../../mobile-samples/android/gradle/libs.versions.toml").readText()
        val used = only("""com\.android\.library"\) version "([^"]+)"""", gradle)
        assertEquals(used, only("""(?m)^agp = "([^"]+)"""", sample))
        // What compiles Kotlin is part of it since 9.0; another beside it is refused.
        assertFalse("kotlin.android" in gradle.substringAfter("plugins {").substringBefore("}"))
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
