package org.assent.device.android

import android.security.KeyStoreException
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.StrongBoxUnavailableException
import java.security.ProviderException
import java.security.PublicKey

/** Makes keys that sign, as far as this phone goes along. */
internal class SigningKeys(private val level: Int, private val keys: Keys, private val strongBox: StrongBox) {
    /** @param challenge what the attestation is made over; none is made without. */
    fun make(spec: KeyGenParameterSpec.Builder, challenge: ByteArray?): PublicKey {
        if (strongBox == StrongBox.PREFER) preferred(spec, challenge)?.let { return it }
        return attested(spec.setIsStrongBoxBacked(strongBox == StrongBox.REQUIRE), challenge)
    }

    /** `null` where StrongBox makes no such key: that one is attested comes before where it lives. */
    private fun preferred(spec: KeyGenParameterSpec.Builder, challenge: ByteArray?): PublicKey? = try {
        made(spec.setIsStrongBoxBacked(true), challenge)
    } catch (_: StrongBoxUnavailableException) {
        null
    } catch (failure: ProviderException) {
        if (passes(failure)) throw failure
        null
    }

    /**
     * A phone that cannot attest makes the key without. One that has yet to fetch certificates makes none: that passes. Where the
     * key store does not say what passes, only a second failure counts.
     */
    private fun attested(spec: KeyGenParameterSpec.Builder, challenge: ByteArray?): PublicKey {
        if (challenge == null) return made(spec, null)
        repeat(if (level >= LEVEL_OF_FAILURES) 1 else 2) {
            try {
                return made(spec, challenge)
            } catch (failure: ProviderException) {
                if (passes(failure)) throw failure
            }
        }
        return made(spec, null)
    }

    private fun made(spec: KeyGenParameterSpec.Builder, challenge: ByteArray?): PublicKey =
        keys.newPair(spec.setAttestationChallenge(challenge).build()).public

    private fun passes(failure: ProviderException): Boolean =
        level >= LEVEL_OF_FAILURES && causes(failure).any { it is KeyStoreException && it.isTransientFailure }
}
