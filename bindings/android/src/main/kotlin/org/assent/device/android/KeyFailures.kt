package org.assent.device.android

import android.security.keystore.KeyPermanentlyInvalidatedException
import java.security.GeneralSecurityException
import java.security.ProviderException
import java.security.UnrecoverableKeyException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import org.assent.device.core.StoreException
import org.assent.device.core.VaultException

/** Works with keys, which may take as long as hardware takes; what the platform throws becomes the port's own failure. */
internal suspend fun <T> onKeys(work: suspend () -> T): T = withContext(Dispatchers.IO) {
    try {
        work()
    } catch (failure: GeneralSecurityException) {
        throw typed(failure)
    } catch (failure: ProviderException) {
        throw typed(failure)
    } catch (failure: StoreException) {
        throw VaultException.Unavailable("what is kept beside the key: $failure")
    }
}

/** That the user was not verified, that nothing is enrolled, that hardware is busy or missing: all of it may pass. */
private fun typed(failure: Exception): VaultException =
    if (saysInvalidated(failure)) VaultException.KeyInvalidated() else VaultException.Unavailable(story(failure))

/** The key store hands over no key that was invalidated, and says so by an exception without a cause. */
private fun saysInvalidated(failure: Exception): Boolean =
    causes(failure).any { it is KeyPermanentlyInvalidatedException } ||
        (failure is UnrecoverableKeyException && failure.cause == null)

private fun story(failure: Exception): String = causes(failure).joinToString(": ")

internal fun causes(failure: Throwable): Sequence<Throwable> = generateSequence(failure) { it.cause }
