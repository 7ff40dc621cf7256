package org.assent.device.android.phone

import java.io.File
import org.assent.device.android.BiometricPrompter
import org.assent.device.android.PromptText
import org.assent.device.android.PromptTexts
import org.assent.device.android.UserPrompter
import org.assent.device.android.VaultOptions
import org.assent.device.android.androidPorts
import org.assent.device.core.Ports
import org.assent.device.core.SigningReason
import org.assent.device.software.SystemClock

/** The ports of this library on the phone that [AndroidKeyStore] is on, with files in [folder]. */
fun phonePorts(hardware: Hardware, folder: File, prompter: UserPrompter, options: VaultOptions = VaultOptions()): Ports =
    androidPorts(folder, hardware.level, SystemClock(), prompter, options)

/** A prompter whose dialogues this user answers. */
internal fun prompter(user: User, texts: PromptTexts = PromptTexts(::wordsFor)): UserPrompter = BiometricPrompter(texts, user)

private fun wordsFor(reason: SigningReason): PromptText = when (reason) {
    is SigningReason.Approval -> PromptText("Approve for ${reason.client}", "Not now")
    is SigningReason.Unblock -> PromptText("Let ${reason.client} ask again", "Not now")
    SigningReason.Enrolment -> PromptText("Add this phone", "Not now")
    SigningReason.Rotation -> PromptText("Renew the keys", "Not now")
    SigningReason.Proof, SigningReason.Denial -> error("nothing is shown for $reason")
}
