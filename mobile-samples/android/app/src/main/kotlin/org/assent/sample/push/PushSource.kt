package org.assent.sample.push

import org.assent.device.core.PushTarget

/**
 * One thing that the user can choose.
 *
 * @property id what it is remembered by.
 * @property label what the user sees.
 */
data class PushChoice(val id: String, val label: String)

/** A way by which pushes come to this phone. */
interface PushSource {
    /** Word that its choices begin with. */
    val name: String

    /** What the user can choose of it on this phone, now. */
    fun choices(): List<PushChoice>

    /**
     * Asks for pushes; [PushReceiver.targetChanged] or [PushReceiver.failed] is called later, or neither. For Web Push,
     * [serverKey] is who may push.
     */
    fun subscribe(choice: PushChoice, serverKey: String?)

    /** Asks for no more of them. */
    fun unsubscribe()
}

/** Takes what Firebase or UnifiedPush delivers. The core believes nothing of it before it has checked it. */
interface PushReceiver {
    /** A push came, with its data as the platform delivers it; `null` where the data are not read, and all is asked for. */
    suspend fun received(data: Map<String, String>?)

    /** Pushes go to [target] from now on; [PushTarget.None] where they end. */
    suspend fun targetChanged(target: PushTarget)

    /** There will be no pushes, for [reason]: a word for the log. */
    fun failed(reason: String)
}
