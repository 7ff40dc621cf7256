package org.assent.device.android

import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import java.io.ByteArrayOutputStream
import java.security.GeneralSecurityException
import java.security.KeyPairGenerator
import java.security.KeyStore
import java.security.KeyStoreException
import java.security.PrivateKey
import java.security.ProviderException
import java.security.Signature
import java.security.SignatureException
import java.security.UnrecoverableKeyException
import java.security.spec.ECGenParameterSpec
import javax.crypto.Cipher
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec
import org.assent.device.newFolder
import org.assent.device.test
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test

/** The tests' own key store refuses what the one on phones refuses: without this, the other tests would show little. */
class KeyStoreOnTheJvmTest {
    private val store by lazy { KeyStore.getInstance("AndroidKeyStore").apply { load(null) } }

    private fun private(purpose: String) = store.getKey("assent.key.a.$purpose", null) as PrivateKey

    private fun begun(key: PrivateKey) = Signature.getInstance("SHA256withECDSA").apply { initSign(key) }

    @Test
    fun `a key that needs the user signs nothing without the dialogue, nor twice after it`() = test {
        val phone = Phone()
        phone.verified()
        val signature = begun(private("verified")).apply { update(MESSAGE) }
        assertThrows(SignatureException::class.java) { signature.sign() }
        val unlocked = begun(private("verified"))
        phone.hardware.authenticate(unlocked, KeyProperties.AUTH_BIOMETRIC_STRONG)
        assertThrows(SignatureException::class.java) { begun(private("verified")).apply { update(MESSAGE) }.sign() }
        unlocked.update(MESSAGE)
        unlocked.sign()
        assertThrows(SignatureException::class.java) { unlocked.apply { update(MESSAGE) }.sign() }
    }

    @Test
    fun `the screen lock does not unlock a biometric key`() = test {
        val phone = Phone()
        phone.verified()
        val signature = begun(private("verified"))
        assertThrows(IllegalStateException::class.java) {
            phone.hardware.authenticate(signature, KeyProperties.AUTH_DEVICE_CREDENTIAL)
        }
    }

    @Test
    fun `keys go neither in nor out`() = test {
        Phone().device()
        val key = private("device")
        assertNull(key.encoded)
        assertNull(key.format)
        val pair = KeyPairGenerator.getInstance("EC", "SunEC").generateKeyPair()
        val chain = store.getCertificateChain("assent.key.a.device")
        assertThrows(KeyStoreException::class.java) { store.setKeyEntry("other", pair.private, null, chain) }
        assertThrows(UnsupportedOperationException::class.java) { store.store(ByteArrayOutputStream(), null) }
        assertThrows(GeneralSecurityException::class.java) {
            Signature.getInstance("SHA256withECDSA", "AndroidKeyStore").initSign(pair.private)
        }
    }

    @Test
    fun `a key does nothing that it was not made for`() = test {
        Phone().sealing()
        assertThrows(GeneralSecurityException::class.java) { begun(private("sealing")) }
        val undigested = KeyGenParameterSpec.Builder("undigested", KeyProperties.PURPOSE_SIGN)
            .setAlgorithmParameterSpec(ECGenParameterSpec("secp256r1")).build()
        KeyPairGenerator.getInstance("EC", "AndroidKeyStore").apply { initialize(undigested) }.generateKeyPair()
        assertThrows(GeneralSecurityException::class.java) { begun(store.getKey("undigested", null) as PrivateKey) }
    }

    @Test
    fun `an old phone makes no key that agrees on secrets`() {
        Phone(level = 30)
        val spec = KeyGenParameterSpec.Builder("early", KeyProperties.PURPOSE_AGREE_KEY)
            .setAlgorithmParameterSpec(ECGenParameterSpec("secp256r1")).build()
        val generator = KeyPairGenerator.getInstance("EC", "AndroidKeyStore").apply { initialize(spec) }
        assertThrows(ProviderException::class.java) { generator.generateKeyPair() }
    }

    @Test
    fun `what is hidden for a while looks gone by its alias and its chain alone`() = test {
        val phone = Phone()
        phone.device()
        phone.hardware.busy("assent.key.a.device", true)
        assertFalse(store.containsAlias("assent.key.a.device"))
        assertNull(store.getCertificateChain("assent.key.a.device"))
        assertThrows(UnrecoverableKeyException::class.java) { private("device") }
        assertThrows(KeyStoreException::class.java) { store.deleteEntry("assent.key.a.device") }
    }

    @Test
    fun `nonces are the key store's own choice`() = test {
        Phone()
        EncryptedStore(newFolder(), 34, "state").save("a", MESSAGE)
        val key = store.getKey("state.a", null) as SecretKey
        assertThrows(GeneralSecurityException::class.java) {
            Cipher.getInstance("AES/GCM/NoPadding").init(Cipher.ENCRYPT_MODE, key, GCMParameterSpec(128, ByteArray(12)))
        }
    }
}
