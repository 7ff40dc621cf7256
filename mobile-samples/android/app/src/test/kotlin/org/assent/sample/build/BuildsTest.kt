package org.assent.sample.build

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** The Gradle build and the Maven build are of the same sources and the same versions. */
class BuildsTest {
    private val gradle = SAMPLE.resolve("app/build.gradle.kts").readText()
    private val catalogue = SAMPLE.resolve("gradle/libs.versions.toml").readLines()
    private val versions = table("versions")
    private val libraries = table("libraries")
    private val pom = xml("pom.xml")

    private fun table(name: String): Map<String, String> = catalogue.dropWhile { it != "[$name]" }.drop(1).takeWhile { !it.startsWith("[") }
        .filter { '=' in it && !it.startsWith("#") }
        .associate { line -> line.substringBefore('=').trim() to line.substringAfter('=').trim().trim('"') }

    private fun module(library: String): String = Regex("module = \"([^\"]+)\"").find(libraries.getValue(library))!!.groupValues[1]

    /** Every `libs.…` of that shape in app/build.gradle.kts, as the catalogue spells it. */
    private fun used(shape: Regex): List<String> = shape.findAll(gradle).map { it.groupValues[1].replace('.', '-') }.toList()

    private fun dependencies(ofScope: (String) -> Boolean): Map<String, String> = pom.all("dependency")
        .filter { ofScope(it.all("scope").singleOrNull()?.textContent ?: "compile") }
        .associate { "${it.all("groupId")[0].textContent}:${it.all("artifactId")[0].textContent}" to it.all("version")[0].textContent }

    private fun folder(text: String): File = SAMPLE.resolve(
        text.replace("\${project.basedir}/", "").replace("\${bindings}", "../../bindings").replace("\${generated}", "../../target/android-sample/generated"),
    ).canonicalFile

    private fun sourceDirs(execution: String): Set<File> = pom.all("execution").single { it.all("id")[0].textContent == execution }
        .all("sourceDir").map { folder(it.textContent) }.toSet()

    @Test
    fun `both builds compile the same folders`() {
        val added = Regex("""kotlin\.srcDir\("([^"]+)"\)""").findAll(gradle).map { SAMPLE.resolve("app").resolve(it.groupValues[1]).canonicalFile }
        val main = added.toSet() + folder("app/src/main/kotlin")
        val made = setOf(folder("\${resources}")) // Gradle makes its own R.
        assertEquals(main, sourceDirs("compile") - made)
        assertEquals(4, main.size)
        assertTrue(folder("app/src/firebase/kotlin") in sourceDirs("test-compile"))
        assertTrue("""create("firebase")""" in gradle)
    }

    @Test
    fun `every folder of sources of the app belongs to a build`() {
        val known = setOf("main", "debug", "firebase", "test")
        assertEquals(known, SAMPLE.resolve("app/src").list()!!.toSet())
    }

    @Test
    fun `both builds have the same libraries in the same versions`() {
        val shipped = used(Regex("""[^"]implementation\((?:variantOf\()?libs\.([a-z.]+)\)""")).associate { library ->
            module(library) to Regex("version.ref = \"([^\"]+)\"").find(libraries.getValue(library))!!.groupValues[1]
        }
        val standard = "org.jetbrains.kotlin:kotlin-stdlib" // Gradle's plugin adds it, in its own version.
        val given = dependencies { it == "compile" }.filterKeys { it != standard }
        assertEquals(shipped.mapValues { "\${version.${it.value}}" }, given)
        assertTrue(shipped.isNotEmpty())
        assertEquals("\${version.kotlin}", dependencies { true }[standard])
    }

    @Test
    fun `no version of a library stands in a build file itself, and none in the catalogue is unused`() {
        val pomText = SAMPLE.resolve("pom.xml").readText()
        assertEquals(emptyList<String>(), dependencies { true }.values.filterNot { it.startsWith("\${version.") })
        assertEquals(emptyList<String>(), Regex("""[0-9]+\.[0-9]+\.[0-9]+""").findAll(gradle).map { it.value }.filter { it != "0.1.0" }.toList())
        val inPom = Regex("""\$\{version\.([a-zA-Z]+)}""").findAll(pomText).map { it.groupValues[1] }.toSet()
        val inGradle = used(Regex("""libs\.versions\.([a-zA-Z]+)""")).toSet()
        val inCatalogue = Regex("version.ref = \"([^\"]+)\"").findAll(catalogue.joinToString("\n")).map { it.groupValues[1] }.toSet()
        assertEquals(versions.keys, inPom + inGradle + inCatalogue)
    }

    @Test
    fun `the framework that Maven compiles against is the level that Gradle compiles for`() {
        val level = mapOf("14" to "34", "15" to "35")
        assertEquals(versions["compileSdk"], level[versions.getValue("androidAll").substringBefore('-')])
    }

    @Test
    fun `the library is compiled with what its own build has`() {
        val own = xml("../../bindings/kotlin/pom.xml")
        for (name in listOf("kotlin", "coroutines", "jna")) assertEquals(own.all("$name.version").single().textContent, versions[name], name)
    }
}
