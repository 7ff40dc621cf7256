package org.assent.device.scenarios

import com.google.gson.GsonBuilder
import com.google.gson.JsonElement
import com.google.gson.JsonObject

/** One step of a scenario, as it is written. */
class Step(private val json: JsonObject) {
    /** What is done. */
    val action: String get() = text("do")

    /** The code that it must fail with. */
    val error: String? get() = textOrNull("error")

    /** Fails at a member that the step's player does not look at. */
    fun mayHave(members: Set<String>) {
        val unknown = json.keySet() - members - setOf("do", "error")
        check(unknown.isEmpty()) { "unknown members: $unknown" }
    }

    operator fun contains(member: String): Boolean = json.has(member)

    operator fun get(member: String): JsonElement = json[member] ?: error("`$member` is missing")

    fun text(member: String): String = this[member].asString

    fun textOrNull(member: String): String? = if (member in this) text(member) else null

    fun isSet(member: String): Boolean = member in this && this[member].asBoolean

    fun texts(member: String): List<String> = this[member].asJsonArray.map { it.asString }

    fun objects(member: String): List<JsonObject> = this[member].asJsonArray.map { it.asJsonObject }

    fun objectOrEmpty(member: String): JsonObject = if (member in this) this[member].asJsonObject else JsonObject()

    override fun toString(): String = json.toString()
}

/** A word as scenarios spell it: `until_lifted` for an enum's `UNTIL_LIFTED`. */
val Enum<*>.word: String get() = name.lowercase()

/** The value of an enum by that word. */
inline fun <reified E : Enum<E>> valueOf(word: String): E =
    enumValues<E>().singleOrNull { it.word == word } ?: error("`$word` is none of ${enumValues<E>().map { it.word }}")

/** Fails unless each member that [expected] has is the same in [found], which has all that may be asked for. */
fun expect(expected: JsonObject, found: Map<String, Any?>) {
    for ((member, value) in expected.entrySet()) {
        check(member in found) { "unknown member: `$member`" }
        val actual = GSON.toJsonTree(found[member])
        check(actual == value) { "`$member` is $actual, not $value" }
    }
}

private val GSON = GsonBuilder().serializeNulls().create()
