package org.assent.device.android.phone

import android.security.KeyStoreException
import android.security.keystore.BackendBusyException
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import android.security.keystore.UserNotAuthenticatedException
import java.security.InvalidKeyException
import java.security.KeyPair
import java.security.Signature
import java.security.cert.X509Certificate
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicInteger
import javax.crypto.SecretKey

/** How a phone does ECDH. */
enum class Agreement {
    /** As it should. */
    WORKS,

    /** It makes no such key. */
    NO_KEY,

    /** It makes the key, and refuses to use it. */
    NO_USE,

    /** It makes the key, and answers with something else. */
    WRONG_SECRET,
}

/** How a phone attests keys. */
enum class Attesting {
    /** With a chain that its maker has signed. */
    WORKS,

    /** It has none. */
    NEVER,

    /** It has yet to fetch one. */
    NOT_NOW,

    /** It fails with such a key, and with any other. */
    BROKEN,
}

/** One phone: what its hardware can do, what its user has set up, and the keys in it. */
class Hardware(val level: Int = 34) {
    @Volatile var hasStrongBox = false
    @Volatile var strongBoxAttesting = Attesting.WORKS
    @Volatile var hasBiometric = true
    @Volatile var hasScreenLock = true
    @Volatile var isLocked = false
    @Volatile var agreement = Agreement.WORKS
    @Volatile var attesting = Attesting.WORKS

    /** How many of the next keys are not made, because something else is being done. */
    val stumbles = AtomicInteger()
    val authority = AttestationAuthority()
    internal val keys = ConcurrentHashMap<String, Entry>()

    /** The names of all keys. */
    val names: Set<String> get() = keys.keys.toSet()

    /** What the key was made with. */
    fun spec(name: String): KeyGenParameterSpec = keys.getValue(name).spec

    /** The user enrols another finger. */
    fun addBiometric() {
        for (entry in keys.values) {
            val spec = entry.spec
            if (spec.isUserAuthenticationRequired && spec.isInvalidatedByBiometricEnrollment) entry.isInvalidated = true
        }
    }

    /** The user does without a screen lock: keys that need one are gone, and biometrics with it. */
    fun removeScreenLock() {
        hasScreenLock = false
        hasBiometric = false
        keys.values.removeIf { it.spec.isUserAuthenticationRequired }
    }

    /** Kills one key for good. */
    fun invalidate(name: String) {
        keys[name]?.isInvalidated = true
    }

    /** Whether the hardware has no time for this key. */
    fun busy(name: String, isBusy: Boolean) {
        keys[name]?.isBusy = isBusy
    }

    /** Destroys one key. */
    fun lose(name: String) {
        keys.remove(name)
    }

    /** The dialogue has verified the user, by one of [KeyProperties]' `AUTH_…`, for this operation alone. */
    fun authenticate(signature: Signature, by: Int) {
        @Suppress("DEPRECATION")
        (signature.getParameter(OPERATION) as SignatureOperation).userWasVerified(by)
    }

    /** Begins an operation, or says why not as the platform does. */
    internal fun begin(entry: Entry, purpose: Int) {
        if (keys[entry.name] !== entry) throw InvalidKeyException("no key", KeyStoreException(KEY_NOT_FOUND, "Key not found"))
        if (entry.isBusy) throw BackendBusyException(1_000, "busy")
        if (entry.isInvalidated) throw KeyPermanentlyInvalidatedException("Key permanently invalidated")
        if (entry.spec.isUnlockedDeviceRequired && isLocked) throw UserNotAuthenticatedException("the device is locked")
        if (entry.spec.purposes and purpose == 0) {
            val cause = KeyStoreException(INCOMPATIBLE_PURPOSE, "Incompatible purpose")
            throw InvalidKeyException("Keystore operation failed", cause)
        }
    }
}

/** One key. What makes it stays in here. */
internal class Entry(
    val name: String,
    val spec: KeyGenParameterSpec,
    val chain: List<X509Certificate>,
    val pair: KeyPair?,
    val secret: SecretKey?,
) {
    @Volatile var isInvalidated = false
    @Volatile var isBusy = false
}

/** The name by which an operation gives itself to the dialogue, as `CryptoObject` finds its handle on a phone. */
internal const val OPERATION = "operation"
internal const val KEY_NOT_FOUND = 7
internal const val INCOMPATIBLE_PURPOSE = -3
internal const val KEY_USER_NOT_AUTHENTICATED = -26
internal const val CALLER_NONCE_PROHIBITED = -55
internal const val UNIMPLEMENTED = -100
