package org.assent.device.android

import java.io.File
import java.math.BigInteger
import java.security.AlgorithmParameters
import java.security.KeyFactory
import java.security.PublicKey
import java.security.Signature
import java.security.spec.ECGenParameterSpec
import java.security.spec.ECParameterSpec
import java.security.spec.ECPoint
import java.security.spec.ECPublicKeySpec
import org.assent.device.android.phone.AndroidKeyStore
import org.assent.device.android.phone.Hardware
import org.assent.device.android.phone.User
import org.assent.device.android.phone.prompter
import org.assent.device.core.KeyProtection
import org.assent.device.core.KeyPurpose
import org.assent.device.core.SigningReason
import org.assent.device.core.VaultException
import org.assent.device.newFolder

internal val MESSAGE = "what is signed".toByteArray()
internal val APPROVAL = SigningReason.Approval("Example Bank")

/** A vault on a phone, and the user at its dialogues. */
internal class Phone(level: Int = 34, options: VaultOptions = VaultOptions()) {
    val hardware = AndroidKeyStore.on(Hardware(level))
    val user = User(hardware)
    val home: File = newFolder()
    val vault = AndroidKeyVault(home, level, prompter(user), options)

    suspend fun device(): ByteArray = vault.generate("a.device", KeyPurpose.DEVICE, KeyProtection.CREDENTIAL)

    suspend fun verified(protection: KeyProtection = KeyProtection.BIOMETRIC): ByteArray =
        vault.generate("a.verified", KeyPurpose.VERIFIED, protection)

    suspend fun sealing(): ByteArray = vault.generate("a.sealing", KeyPurpose.SEALING, KeyProtection.CREDENTIAL)

    suspend fun approve(): ByteArray = vault.sign("a.verified", MESSAGE, APPROVAL)

    suspend fun prove(): ByteArray = vault.sign("a.device", MESSAGE, SigningReason.Proof)

    fun spec(purpose: String) = hardware.spec("assent.key.a.$purpose")
}

/** Why this fails, as the vault's own error. */
internal inline fun failure(call: () -> Unit): VaultException = try {
    call()
    throw AssertionError("it worked")
} catch (failure: VaultException) {
    failure
}

internal fun isSigned(point: ByteArray, signature: ByteArray): Boolean = Signature.getInstance("SHA256withECDSA", "SunEC").run {
    initVerify(keyAt(point))
    update(MESSAGE)
    verify(signature)
}

/** Read without the code under test. */
internal fun keyAt(point: ByteArray): PublicKey {
    check(point.size == 65 && point[0].toInt() == 4)
    val parameters = AlgorithmParameters.getInstance("EC").apply { init(ECGenParameterSpec("secp256r1")) }
    val at = ECPoint(BigInteger(1, point.copyOfRange(1, 33)), BigInteger(1, point.copyOfRange(33, 65)))
    val curve = parameters.getParameterSpec(ECParameterSpec::class.java)
    return KeyFactory.getInstance("EC", "SunEC").generatePublic(ECPublicKeySpec(at, curve))
}
