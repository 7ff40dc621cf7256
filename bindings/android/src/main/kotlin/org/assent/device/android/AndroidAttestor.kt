package org.assent.device.android

import java.security.GeneralSecurityException
import java.security.ProviderException
import java.security.cert.Certificate
import java.security.cert.X509Certificate
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import org.assent.device.core.AttestationRequest
import org.assent.device.core.Attestor
import org.assent.device.core.AttestorException
import org.assent.device.core.PlatformEvidence

/** The extension of a leaf in which the hardware describes the key. */
private const val KEY_DESCRIPTION = "1.3.6.1.4.1.11129.2.1.17"

/**
 * Key attestation: the phone's maker vouches, by a chain of certificates, for what the hardware says of a key. A phone that
 * cannot attest enrols without evidence, where the server lets it.
 *
 * @param vault the one that makes the keys.
 */
public class AndroidAttestor(private val vault: AndroidKeyVault) : Attestor {
    override suspend fun prepare(alias: String, challenge: ByteArray): Unit = vault.attestNext(alias, challenge)

    override suspend fun attest(request: AttestationRequest): PlatformEvidence = withContext(Dispatchers.IO) {
        try {
            val device = vault.chain(request.deviceAlias)
            val verified = vault.chain(request.verifiedAlias)
            if (isAttested(device) && isAttested(verified)) {
                PlatformEvidence.AndroidKey(device.map { it.encoded }, verified.map { it.encoded })
            } else {
                PlatformEvidence.None
            }
        } catch (failure: GeneralSecurityException) {
            throw AttestorException.Failed(causes(failure).joinToString(": "))
        } catch (failure: ProviderException) {
            throw AttestorException.Failed(causes(failure).joinToString(": "))
        }
    }
}

/** The certificate of a key that was not attested is signed by nobody. */
private fun isAttested(chain: List<Certificate>): Boolean =
    (chain.firstOrNull() as X509Certificate?)?.getExtensionValue(KEY_DESCRIPTION) != null
