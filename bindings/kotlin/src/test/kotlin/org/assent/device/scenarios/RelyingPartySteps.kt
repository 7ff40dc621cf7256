package org.assent.device.scenarios

import com.google.gson.JsonElement
import com.google.gson.JsonObject

/** What operators and relying parties do. */
fun relyingPartySteps(cast: Cast): Map<String, Action> = mapOf(
    "client" to Action("client", "metadata") { step ->
        val metadata = JsonObject()
        metadata.addProperty("client_name", step.text("client"))
        metadata.addProperty("scope", "openid")
        step.objectOrEmpty("metadata").entrySet().forEach { (name, value) -> metadata.add(name, value) }
        cast.clients[step.text("client")] = cast.provider.newClient(metadata)
    },
    "user" to Action("user") { step -> cast.users[step.text("user")] = cast.provider.newUser() },
    "ask" to Action("client", "user", "request", "parameters") { step ->
        val (client, subject) = cast.client(step) to cast.user(step)
        val parameters = step.objectOrEmpty("parameters").entrySet().associate { (name, value) -> name to formValue(value) }
        val asked = cast.provider.ask(client, subject, parameters)
        val name = step.text("request")
        cast.asked[name] = Question(name, client, subject, parameters["binding_message"], asked)
    },
    "cancel" to Action("client", "request") { step -> cast.provider.cancel(cast.client(step), cast.asked(step).asked) },
    "poll" to Action("client", "request") { step -> cast.provider.poll(cast.client(step), cast.asked(step).asked) },
)

/** Text as it is; any other value as JSON. */
private fun formValue(value: JsonElement): String =
    if (value.isJsonPrimitive && value.asJsonPrimitive.isString) value.asString else value.toString()
