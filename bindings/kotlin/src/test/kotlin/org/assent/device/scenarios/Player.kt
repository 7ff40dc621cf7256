package org.assent.device.scenarios

import com.google.gson.JsonParser
import java.io.File
import kotlinx.coroutines.runBlocking
import org.assent.device.code
import org.assent.device.core.DeviceException

/** How one kind of step is played, and the members that it may have. */
class Action(vararg members: String, val play: suspend (Step) -> Unit) {
    val members: Set<String> = members.toSet()
}

/** Plays the files of `mobile-samples/scenarios` against a running provider, on phones with any ports. */
class Player(private val provider: Provider, private val newHandset: () -> Handset) {
    /** Plays one file; throws at the first step that does not come to what it must. */
    fun play(file: File) {
        val scenario = JsonParser.parseString(file.readText()).asJsonObject
        check(scenario.keySet() == setOf("title", "steps")) { "a scenario has a title and steps" }
        val steps = scenario["steps"].asJsonArray.map { Step(it.asJsonObject) }
        check(steps.isNotEmpty()) { "a scenario has steps" }
        val cast = Cast(provider, newHandset)
        val actions = relyingPartySteps(cast) + enrolmentSteps(cast) + answerSteps(cast) + accountSteps(cast) + worldSteps(cast)
        try {
            runBlocking { steps.forEachIndexed { index, step -> play(index, step, actions) } }
        } finally {
            cast.leave()
        }
    }

    private suspend fun play(index: Int, step: Step, actions: Map<String, Action>) {
        try {
            val action = actions[step.action] ?: error("an unknown step")
            step.mayHave(action.members)
            val failure = failureOf { action.play(step) }
            check(failure?.word == step.error) { "it came to ${failure?.let { "${it.word} ($it)" } ?: "success"}" }
        } catch (failure: Exception) {
            throw AssertionError("step ${index + 1}, $step: ${failure.message ?: failure}", failure)
        }
    }
}

/** What this fails with, of the device or of OAuth; `null` where it succeeds. */
suspend fun failureOf(call: suspend () -> Unit): Exception? = try {
    call()
    null
} catch (failure: DeviceException) {
    failure
} catch (refused: Refused) {
    refused
}

/** The code by which scenarios call it. */
val Exception.word: String? get() = if (this is DeviceException) code else message

/** Every scenario file in a folder. */
fun scenarios(folder: File): List<File> =
    folder.listFiles { file -> file.extension == "json" && file.name != "schema.json" }.orEmpty().sortedBy { it.name }
