package org.assent.device.android

import android.app.Activity
import android.hardware.biometrics.BiometricManager.Authenticators
import android.hardware.biometrics.BiometricPrompt
import android.os.CancellationSignal
import android.os.Handler
import android.os.Looper
import java.security.Signature
import org.assent.device.core.KeyProtection

/** `BiometricPrompt` as the framework has it since Android 9. */
internal class PlatformDialogue(private val level: Int, private val activity: () -> Activity?) : Dialogue {
    override fun show(
        text: PromptText,
        protection: KeyProtection,
        signature: Signature,
        cancellation: CancellationSignal,
        answer: Answer,
    ) {
        Handler(Looper.getMainLooper()).post {
            try {
                val front = activity()
                if (front == null) {
                    answer.unavailable("no activity is in front")
                } else {
                    prompt(front, text, protection, answer)
                        .authenticate(BiometricPrompt.CryptoObject(signature), cancellation, front.mainExecutor, answer)
                }
            } catch (failure: RuntimeException) {
                // Nothing else would hear of it on this thread, and the app would end.
                answer.unavailable(failure.toString())
            }
        }
    }

    private fun prompt(front: Activity, text: PromptText, protection: KeyProtection, answer: Answer): BiometricPrompt {
        val builder = BiometricPrompt.Builder(front).setTitle(text.title)
        text.subtitle?.let(builder::setSubtitle)
        text.description?.let(builder::setDescription)
        val credential = protection == KeyProtection.CREDENTIAL && level >= LEVEL_OF_CREDENTIALS
        if (level >= LEVEL_OF_CREDENTIALS) {
            val lock = if (credential) Authenticators.DEVICE_CREDENTIAL else 0
            builder.setAllowedAuthenticators(Authenticators.BIOMETRIC_STRONG or lock)
        }
        // The platform refuses a button of ours beside its own way to the screen lock.
        if (!credential) builder.setNegativeButton(text.cancel, front.mainExecutor) { _, _ -> answer.dismissed() }
        return builder.build()
    }
}
