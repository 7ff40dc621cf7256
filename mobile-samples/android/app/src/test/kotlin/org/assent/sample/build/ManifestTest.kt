package org.assent.sample.build

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.w3c.dom.Element

/** What no compiler checks: names in XML, and what the release must not have. */
class ManifestTest {
    private val sets = listOf("main", "debug", "firebase").associateWith { xml("app/src/$it/AndroidManifest.xml") }
    private val main = sets.getValue("main")
    private val application = main.all("application").single()

    private fun components(set: String): List<Element> =
        listOf("activity", "activity-alias", "receiver", "service").flatMap { sets.getValue(set).all(it) }

    @Test
    fun `every class that a manifest names exists`() {
        val named = sets.keys.flatMap(::components).map { it.android("targetActivity").ifEmpty { it.android("name") } } +
            application.android("name")
        assertTrue(named.size > 10, named.toString())
        // Initialising them would call into Android.
        for (name in named) Class.forName(name, false, javaClass.classLoader)
    }

    @Test
    fun `every screen of the app is in the manifest`() {
        val files = SAMPLE.resolve("app/src/main/kotlin").walk().map { it.name }.filter { it.endsWith("Activity.kt") }
        val screens = files.map { it.removeSuffix(".kt") }.toSet() - "ScreenActivity"
        assertEquals(screens, main.all("activity").map { it.android("name").substringAfterLast('.') }.toSet())
    }

    @Test
    fun `every class that a service file names exists and is of that service`() {
        val files = SAMPLE.resolve("app/src/firebase/resources/META-INF/services").listFiles()!!
        assertEquals(1, files.size)
        for (file in files) {
            val service = Class.forName(file.name)
            for (name in file.readLines()) assertTrue(service.isAssignableFrom(Class.forName(name)), name)
        }
    }

    @Test
    fun `nothing is open to other apps but the launcher, the links and what UnifiedPush demands`() {
        val all = sets.keys.flatMap(::components)
        for (component in all) assertTrue(component.android("exported") in setOf("true", "false"))
        val open = all.filter { it.android("exported") == "true" }.map { it.android("name").substringAfterLast('.') }
        assertEquals(setOf("AccountsActivity", "TicketLink", "UnifiedPushReceiver", "RaiseToForegroundService"), open.toSet())
    }

    @Test
    fun `nothing is backed up or moved to another phone`() {
        assertEquals("false", application.android("allowBackup"))
        assertEquals("@xml/data_extraction_rules", application.android("dataExtractionRules"))
        val rules = xml("app/src/main/res/xml/data_extraction_rules.xml")
        for (way in listOf("cloud-backup", "device-transfer")) {
            val excluded = rules.all(way).single().all("exclude").map { it.getAttribute("domain") }.toSet()
            assertEquals(setOf("root", "file", "database", "sharedpref", "external"), excluded, way)
        }
        assertEquals(emptyList<Element>(), rules.all("include"))
    }

    @Test
    fun `the release speaks TLS alone, by authorities of the system`() {
        val config = xml("app/src/main/res/xml/network_security_config.xml")
        assertEquals("@xml/network_security_config", application.android("networkSecurityConfig"))
        assertEquals(listOf("false"), config.all("base-config").map { it.getAttribute("cleartextTrafficPermitted") })
        assertEquals(emptyList<Element>(), config.all("domain-config"))
        assertEquals(listOf("system"), config.all("certificates").map { it.getAttribute("src") })
        assertEquals("", application.android("usesCleartextTraffic"))
        assertTrue(xml("app/src/main/res/values/issuer.xml").all("string").single().textContent.startsWith("https://"))
    }

    @Test
    fun `the debug build speaks plain HTTP to the phone itself and to nobody else`() {
        val config = xml("app/src/debug/res/xml/network_security_config.xml")
        assertEquals(listOf("false"), config.all("base-config").map { it.getAttribute("cleartextTrafficPermitted") })
        assertEquals(listOf("127.0.0.1", "localhost"), config.all("domain").map { it.textContent })
    }

    /** The address that a component of this set opens by, which [path] is the attribute for. */
    private fun link(set: String, component: String, path: String): String {
        val data = components(set).single { it.android("name").endsWith(component) }.all("data")
        val part = { name: String -> data.map { it.android(name) }.singleOrNull { it.isNotEmpty() } }
        return "${part("scheme")}://${part("host")}${part("port")?.let { ":$it" }.orEmpty()}${part(path)}"
    }

    @Test
    fun `the links that open the app are those of the issuer's tickets and notifications`() {
        for (set in listOf("main", "debug")) {
            val issuer = xml("app/src/$set/res/values/issuer.xml").all("string").single().textContent
            assertEquals("$issuer/enrol", link(set, ".TicketLink", "path"))
            assertEquals("$issuer/a/", link(set, ".AccountsActivity", "pathPrefix"))
        }
        val filters = main.all("intent-filter").filter { it.all("data").isNotEmpty() }
        assertEquals(listOf("true", "true"), filters.map { it.android("autoVerify") })
    }

    @Test
    fun `Firebase does nothing before the user has chosen it`() {
        val settings = sets.getValue("firebase").all("meta-data").associate { it.android("name") to it.android("value") }
        assertEquals(mapOf("firebase_messaging_auto_init_enabled" to "false"), settings)
    }
}
