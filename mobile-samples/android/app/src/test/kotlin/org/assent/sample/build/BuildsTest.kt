package org.assent.sample.build

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.w3c.dom.Element

/** The Gradle build and the Maven build are of the same sources and the same versions. */
class BuildsTest {
    private val gradle = SAMPLE.resolve("app/build.gradle.kts").readText()
    private val catalogue = SAMPLE.resolve("gradle/libs.versions.toml").readLines()
    private val versions = table("versions")
    private val libraries = table("libraries")
    private val pom = xml("pom.xml")

    private fun table(name: String): Map<String, String> = catalogue
        .dropWhile { it != "[$name]" }.drop(1).takeWhile { !it.startsWith("[") }
        .filter { '=' in it && !it.startsWith("#") }
        .associate { line -> line.substringBefore('=').trim() to line.substringAfter('=').trim().trim('"') }

    /** What the catalogue says of a library under that name. */
    private fun said(library: String, name: String): String =
        Regex("$name = \"([^\"]+)\"").find(libraries.getValue(library))!!.groupValues[1]

    /** Every `libs.…` of that shape in app/build.gradle.kts, as the catalogue spells it. */
    private fun used(shape: Regex): List<String> = shape.findAll(gradle).map { it.groupValues[1].replace('.', '-') }.toList()

    /** Versions in pom.xml by group and artifact. */
    private fun dependencies(scope: String? = null): Map<String, String> = pom.all("dependency")
        .filter { scope == null || scope == (it.all("scope").singleOrNull()?.textContent ?: "compile") }
        .associate { it.text("groupId") + ":" + it.text("artifactId") to it.text("version") }

    private fun Element.text(name: String): String = all(name).first().textContent

    private fun folder(text: String): File {
        val path = text.replace("\${project.basedir}/", "").replace("\${bindings}", "../../bindings")
        return SAMPLE.resolve(path.replace("\${generated}", "../../target/android-sample/generated")).canonicalFile
    }

    private fun sourceDirs(execution: String): Set<File> =
        pom.all("execution").single { it.text("id") == execution }.all("sourceDir").map { folder(it.textContent) }.toSet()

    @Test
    fun `both builds compile the same folders`() {
        val added = Regex("""kotlin\.srcDir\("([^"]+)"\)""").findAll(gradle).map { folder("app/" + it.groupValues[1]) }
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
        val shipped = used(Regex("""[^"]implementation\((?:variantOf\()?libs\.([a-z.]+)\)"""))
        assertEquals(2, shipped.size)
        val standard = "org.jetbrains.kotlin:kotlin-stdlib" // Gradle's plugin adds it, in its own version.
        val expected = shipped.associate { said(it, "module") to "\${version.${said(it, "version.ref")}}" }
        assertEquals(expected + (standard to "\${version.kotlin}"), dependencies("compile"))
    }

    @Test
    fun `no version of a library stands in a build file itself, and none in the catalogue is unused`() {
        assertEquals(emptyList<String>(), dependencies().values.filterNot { it.startsWith("\${version.") })
        val numbers = Regex("""[0-9]+\.[0-9]+\.[0-9]+""").findAll(gradle).map { it.value }.toList()
        assertEquals(listOf("0.1.0"), numbers) // the app's own
        val pomText = SAMPLE.resolve("pom.xml").readText()
        val inPom = Regex("""\$\{version\.([a-zA-Z]+)}""").findAll(pomText).map { it.groupValues[1] }
        val references = Regex("version.ref = \"([^\"]+)\"").findAll(catalogue.joinToString("\n")).map { it.groupValues[1] }
        assertEquals(versions.keys, (inPom + references + used(Regex("""libs\.versions\.([a-zA-Z]+)"""))).toSet())
    }

    @Test
    fun `the framework that Maven compiles against is the level that Gradle compiles for`() {
        val level = mapOf("14" to "34", "15" to "35")
        assertEquals(versions["compileSdk"], level[versions.getValue("androidAll").substringBefore('-')])
    }

    @Test
    fun `the library is compiled with what its own build has`() {
        val own = xml("../../bindings/kotlin/pom.xml")
        for (name in listOf("kotlin", "coroutines", "jna")) {
            assertEquals(own.all("$name.version").single().textContent, versions[name], name)
        }
    }

    @Test
    fun `the README says of every file how far it was tried`() {
        val readme = SAMPLE.resolve("README.md").readText()
        val table = Regex("`([^`]+)`").findAll(readme.substringAfter("## File by file"))
        val told = table.map { it.groupValues[1].substringAfterLast('/') }.toSet()
        val sources = listOf("main", "debug", "firebase").flatMap { SAMPLE.resolve("app/src/$it").walk().filter(File::isFile) }
        val builds = (SAMPLE.listFiles()!! + SAMPLE.resolve("app").listFiles()!!).filter { it.extension in BUILD_FILES }
        assertEquals(emptySet<String>(), (sources + builds).map { it.name }.toSet() - told)
    }
}

private val BUILD_FILES = setOf("kts", "pro", "properties")
