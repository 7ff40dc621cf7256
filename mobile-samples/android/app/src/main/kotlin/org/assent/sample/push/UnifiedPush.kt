package org.assent.sample.push

import java.security.KeyPairGenerator
import java.security.SecureRandom
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.util.Base64
import java.util.UUID
import org.assent.device.core.PushTarget
import org.assent.sample.Memory

private const val TOKEN = "unifiedpush.token"
private const val DISTRIBUTOR = "unifiedpush.distributor"
private const val POINT = "unifiedpush.p256dh"
private const val SECRET = "unifiedpush.auth"

/** What a distributor said. */
sealed interface Told {
    /** Pushes go here from now on. */
    data class Target(val target: PushTarget) : Told

    /** Something was pushed. */
    data object Message : Told

    /** There will be none. */
    data class Failed(val reason: String) : Told
}

/**
 * The app's half of the UnifiedPush protocol for Android (AND_3.0.0, <https://unifiedpush.org/developers/spec/android/>),
 * without any class of Android.
 *
 * What is pushed is encrypted for a key whose private half is thrown away when it is made: a push is a hint, this app takes it
 * as one and asks the server. So there is no key by which a push could be read, and nothing here decrypts.
 */
class UnifiedPush(private val memory: Memory) {
    /** The package of the distributor in use. */
    val distributor: String? get() = memory[DISTRIBUTOR]

    /** Begins with a distributor, or goes on with the same; returns the token by which it knows this app. */
    fun begin(distributor: String): String {
        val known = memory[TOKEN]
        if (known != null && this.distributor == distributor) return known
        return UUID.randomUUID().toString().also {
            memory[TOKEN] = it
            memory[DISTRIBUTOR] = distributor
            memory[POINT] = base64(freshPoint())
            memory[SECRET] = base64(ByteArray(16).also(SecureRandom()::nextBytes))
        }
    }

    /** Ends; returns the token that was in use. */
    fun end(): String? = memory[TOKEN].also {
        for (name in listOf(TOKEN, DISTRIBUTOR, POINT, SECRET)) memory[name] = null
    }

    /** Reads a broadcast by its action and extras. `null`: nothing that this app asked for. */
    fun read(action: String?, token: String?, endpoint: String?, reason: String?): Told? {
        if (token == null || token != memory[TOKEN]) return null
        return when (action) {
            NEW_ENDPOINT -> endpoint?.let { Told.Target(PushTarget.WebPush(it, memory[POINT]!!, memory[SECRET]!!)) }
            MESSAGE -> Told.Message
            UNREGISTERED -> Told.Failed("unregistered").also { end() }
            // The specification demands another token for the next registration.
            REGISTRATION_FAILED -> Told.Failed(reason ?: "INTERNAL_ERROR").also { end() }
            else -> null
        }
    }

    private fun freshPoint(): ByteArray {
        val generator = KeyPairGenerator.getInstance("EC")
        generator.initialize(ECGenParameterSpec("secp256r1"))
        val point = (generator.generateKeyPair().public as ECPublicKey).w
        val coordinates = listOf(point.affineX, point.affineY).map { number ->
            val bytes = number.toByteArray().takeLast(32).toByteArray()
            ByteArray(32 - bytes.size) + bytes
        }
        return byteArrayOf(4) + coordinates[0] + coordinates[1]
    }

    private fun base64(bytes: ByteArray): String = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes)

    /** Names of the protocol. */
    companion object {
        /** To the app: its endpoint. */
        const val NEW_ENDPOINT: String = "org.unifiedpush.android.connector.NEW_ENDPOINT"

        /** To the app: a push. */
        const val MESSAGE: String = "org.unifiedpush.android.connector.MESSAGE"

        /** To the app: there is no registration any more. */
        const val UNREGISTERED: String = "org.unifiedpush.android.connector.UNREGISTERED"

        /** To the app: there is none. */
        const val REGISTRATION_FAILED: String = "org.unifiedpush.android.connector.REGISTRATION_FAILED"

        /** To the distributor: an app wants pushes. */
        const val REGISTER: String = "org.unifiedpush.android.distributor.REGISTER"

        /** To the distributor: it wants none any more. */
        const val UNREGISTER: String = "org.unifiedpush.android.distributor.UNREGISTER"

        /** To the distributor: this came. */
        const val MESSAGE_ACK: String = "org.unifiedpush.android.distributor.MESSAGE_ACK"
    }
}
