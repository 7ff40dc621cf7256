package org.assent.sample.push

import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import org.assent.device.core.DeviceCore
import org.assent.device.core.DeviceException
import org.assent.device.core.Platform
import org.assent.device.core.PushTarget
import org.assent.sample.Inbox
import org.assent.sample.Memory

private const val CHOICE = "push.choice"
private const val TARGET = "push.target"

/** Which way pushes come, and what happens when one does. Without a choice the app asks by itself while it is in front. */
class Pushes(
    private val core: DeviceCore,
    private val inbox: Inbox,
    private val issuer: String,
    private val memory: Memory,
    private val sources: List<PushSource>,
) : PushReceiver {
    private val trouble = MutableStateFlow<String?>(null)

    /** Why there are no pushes, where there should be. */
    val failure: StateFlow<String?> = trouble.asStateFlow()

    /** All that the user can choose. */
    fun choices(): List<PushChoice> = sources.flatMap { it.choices() }

    /** The id of what was chosen; `null`: none. */
    val chosen: String? get() = memory[CHOICE]

    /** Where pushes go, as last heard: for `enrol` and `sync`. */
    val target: PushTarget get() = memory[TARGET]?.let(::targetFrom) ?: PushTarget.None

    /** Takes another choice, or none. */
    suspend fun choose(choice: PushChoice?) {
        val before = chosen
        if (before != choice?.id) {
            source(before)?.unsubscribe()
            memory[CHOICE] = choice?.id
            targetChanged(PushTarget.None)
        }
        if (choice != null) subscribe(choice)
    }

    /** Subscribes once more, as every start of the app does: the way may have changed in between. */
    suspend fun renew() {
        choices().find { it.id == chosen }?.let { subscribe(it) }
    }

    override suspend fun received(data: Map<String, String>?) {
        if (data == null) inbox.sync() else inbox.pushed(data)
    }

    override suspend fun targetChanged(target: PushTarget) {
        trouble.value = null
        memory[TARGET] = textOf(target)
        inbox.sync(target)
    }

    override fun failed(reason: String) {
        trouble.value = reason
    }

    private suspend fun subscribe(choice: PushChoice) {
        // Not every source needs the key, and the next start asks again.
        val key = try {
            core.webPushKey(issuer)
        } catch (_: DeviceException.Unreachable) {
            null
        }
        source(choice.id)?.subscribe(choice, key)
    }

    private fun source(choice: String?): PushSource? = sources.find { choice?.startsWith(it.name) == true }
}

private fun textOf(target: PushTarget): String? = when (target) {
    is PushTarget.WebPush -> "webpush ${target.endpoint} ${target.p256dh} ${target.auth}"
    is PushTarget.FcmToken -> "fcm ${target.token}"
    PushTarget.None -> null
    is PushTarget.FcmInstallation, is PushTarget.Apns, is PushTarget.Webhook -> error("this app has no such target")
}

private fun targetFrom(text: String): PushTarget {
    val words = text.split(' ')
    return when (words[0]) {
        "webpush" -> PushTarget.WebPush(words[1], words[2], words[3])
        else -> PushTarget.FcmToken(Platform.ANDROID, words[1])
    }
}
