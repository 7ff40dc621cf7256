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
        if (strongBox == StrongBox.AVOID) return attested(spec, challenge)
        return try {
            attested(spec.setIsStrongBoxBacked(true), challenge)
        } catch (failure: StrongBoxUnavailableException) {
            if (strongBox == StrongBox.REQUIRE) throw failure
            attested(spec.setIsStrongBoxBacked(false), challenge)
        }
    }

    /** A phone that cannot attest makes the key without. One that has yet to fetch certificates makes none: that passes. */
    private fun attested(spec: KeyGenParameterSpec.Builder, challenge: ByteArray?): PublicKey = try {
        keys.newPair(spec.setAttestationChallenge(challenge).build()).public
    } catch (failure: ProviderException) {
        if (challenge == null || passes(failure)) throw failure
        keys.newPair(spec.setAttestationChallenge(null).build()).public
    }

    private fun passes(failure: ProviderException): Boolean =
        level >= LEVEL_OF_FAILURES && causes(failure).any { it is KeyStoreException && it.isTransientFailure }
}
