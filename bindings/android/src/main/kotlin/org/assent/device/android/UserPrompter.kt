package org.assent.device.android

import java.security.Signature
import org.assent.device.core.KeyProtection
import org.assent.device.core.SigningReason
import org.assent.device.core.VaultException

/** Has the platform verify the user, for one signature. */
public fun interface UserPrompter {
    /**
     * Shows the platform's dialogue and returns the signature that it unlocked. The key store ties the user's consent to this
     * very operation: another `Signature`, or this one without the dialogue, does not sign.
     *
     * Where the calling coroutine is cancelled, the dialogue goes away.
     *
     * @param signature begun with the key that is to sign; it has taken no data yet.
     * @param reason what the dialogue is about.
     * @param protection by what the key lets itself be unlocked.
     * @throws VaultException.UserCancelled where the user dismissed the dialogue.
     * @throws VaultException.Unavailable where nobody can be verified now.
     */
    @Throws(VaultException::class)
    public suspend fun authenticate(signature: Signature, reason: SigningReason, protection: KeyProtection): Signature
}
