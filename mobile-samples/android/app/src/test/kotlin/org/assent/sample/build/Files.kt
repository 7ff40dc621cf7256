package org.assent.sample.build

import java.io.File
import javax.xml.parsers.DocumentBuilderFactory
import org.w3c.dom.Document
import org.w3c.dom.Element

/** The folder of the sample: Maven runs tests in the folder of its pom.xml. */
val SAMPLE: File = File(System.getProperty("basedir") ?: ".").canonicalFile

/** A document, with the namespaces of its names. */
fun xml(path: String): Document =
    DocumentBuilderFactory.newInstance().apply { isNamespaceAware = true }.newDocumentBuilder().parse(SAMPLE.resolve(path))

/** All elements of that name, in order. */
fun Document.all(name: String): List<Element> = documentElement.all(name)

/** All elements of that name within this one. */
fun Element.all(name: String): List<Element> =
    getElementsByTagName(name).let { list -> List(list.length) { list.item(it) as Element } }

/** An attribute of Android's namespace; empty where there is none. */
fun Element.android(name: String): String = getAttributeNS("http://schemas.android.com/apk/res/android", name)
