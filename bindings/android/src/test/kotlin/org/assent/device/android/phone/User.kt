package org.assent.device.android.phone

import android.hardware.biometrics.BiometricPrompt
import android.os.CancellationSignal
import android.security.keystore.KeyProperties
import java.security.Signature
import java.util.concurrent.CopyOnWriteArrayList
import org.assent.device.android.Answer
import org.assent.device.android.Dialogue
import org.assent.device.android.PromptText
import org.assent.device.core.KeyProtection

/** A user at the platform's dialogue, of which [BiometricPrompt] on a phone is another. */
internal class User(private val hardware: Hardware) : Dialogue {
    /** What the dialogues said. */
    val read = CopyOnWriteArrayList<PromptText>()

    /** By what each dialogue let itself be answered. */
    val asked = CopyOnWriteArrayList<KeyProtection>()

    /** What the user does; agrees by finger until told otherwise. */
    @Volatile
    var does: (Signature, CancellationSignal, Answer) -> Unit = ::touches

    override fun show(
        text: PromptText,
        protection: KeyProtection,
        signature: Signature,
        cancellation: CancellationSignal,
        answer: Answer,
    ) {
        read += text
        asked += protection
        does(signature, cancellation, answer)
    }

    /** Holds a known finger to the sensor. */
    fun touches(signature: Signature, cancellation: CancellationSignal, answer: Answer) =
        passes(signature, answer, KeyProperties.AUTH_BIOMETRIC_STRONG, BiometricPrompt.AUTHENTICATION_RESULT_TYPE_BIOMETRIC)

    /** Types the PIN of the screen lock. */
    fun types(signature: Signature, cancellation: CancellationSignal, answer: Answer) =
        passes(
            signature, answer, KeyProperties.AUTH_DEVICE_CREDENTIAL, BiometricPrompt.AUTHENTICATION_RESULT_TYPE_DEVICE_CREDENTIAL,
        )

    /** Goes back. */
    fun goesBack(signature: Signature, cancellation: CancellationSignal, answer: Answer) =
        answer.onAuthenticationError(BiometricPrompt.BIOMETRIC_ERROR_USER_CANCELED, "cancelled")

    private fun passes(signature: Signature, answer: Answer, by: Int, type: Int) {
        hardware.authenticate(signature, by)
        answer.onAuthenticationSucceeded(BiometricPrompt.AuthenticationResult(BiometricPrompt.CryptoObject(signature), type))
    }
}
