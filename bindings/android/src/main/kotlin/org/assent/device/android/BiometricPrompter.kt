package org.assent.device.android

import android.app.Activity
import android.hardware.biometrics.BiometricPrompt.AuthenticationCallback
import android.hardware.biometrics.BiometricPrompt.AuthenticationResult
import android.hardware.biometrics.BiometricPrompt.BIOMETRIC_ERROR_USER_CANCELED
import android.os.Build
import android.os.CancellationSignal
import java.security.Signature
import kotlin.coroutines.resume
import kotlin.coroutines.resumeWithException
import kotlinx.coroutines.CancellableContinuation
import kotlinx.coroutines.suspendCancellableCoroutine
import org.assent.device.core.KeyProtection
import org.assent.device.core.SigningReason
import org.assent.device.core.VaultException

/**
 * What the platform's dialogue says. The app's own words: this library has no language.
 *
 * @property cancel of the button that dismisses the dialogue. Where the screen lock is accepted too, the platform has its own.
 */
public data class PromptText(
    val title: String,
    val cancel: String,
    val subtitle: String? = null,
    val description: String? = null,
) {
    init {
        require(title.isNotBlank() && cancel.isNotBlank()) { "the dialogue needs a title and a word for its button" }
    }
}

/** Finds the words for what the user is asked to agree to. */
public fun interface PromptTexts {
    /** The words for [reason], in the user's language. */
    public fun of(reason: SigningReason): PromptText
}

/** Asks by the platform's own dialogue, `android.hardware.biometrics.BiometricPrompt`. */
public class BiometricPrompter internal constructor(
    private val texts: PromptTexts,
    private val dialogue: Dialogue,
) : UserPrompter {
    /**
     * @param activity the one in front, on which the dialogue appears; `null` where there is none, and nobody is asked then.
     *   Called on the main thread.
     */
    public constructor(activity: () -> Activity?, texts: PromptTexts) :
        this(texts, PlatformDialogue(Build.VERSION.SDK_INT, activity))

    override suspend fun authenticate(signature: Signature, reason: SigningReason, protection: KeyProtection): Signature {
        val text = texts.of(reason)
        return suspendCancellableCoroutine { call ->
            val cancellation = CancellationSignal()
            call.invokeOnCancellation { cancellation.cancel() }
            dialogue.show(text, protection, signature, cancellation, Answer(call))
        }
    }
}

/** The platform's dialogue; a seam, because it needs a phone. */
internal fun interface Dialogue {
    fun show(
        text: PromptText,
        protection: KeyProtection,
        signature: Signature,
        cancellation: CancellationSignal,
        answer: Answer,
    )
}

/** What becomes of one dialogue. The first answer counts. */
internal class Answer(private val call: CancellableContinuation<Signature>) : AuthenticationCallback() {
    override fun onAuthenticationSucceeded(result: AuthenticationResult) {
        val signature = result.cryptoObject?.signature ?: return unavailable("the dialogue unlocked no signature")
        if (call.isActive) call.resume(signature)
    }

    /** Every code but one means that nobody could be verified: locked out, none enrolled, taken away by the system. */
    override fun onAuthenticationError(code: Int, message: CharSequence?): Unit =
        if (code == BIOMETRIC_ERROR_USER_CANCELED) dismissed() else unavailable("biometric error $code: $message")

    /** The button of the dialogue; the platform tells of it apart from the errors. */
    fun dismissed(): Unit = fail(VaultException.UserCancelled())

    fun unavailable(detail: String): Unit = fail(VaultException.Unavailable(detail))

    private fun fail(failure: VaultException) {
        if (call.isActive) call.resumeWithException(failure)
    }
}
