package org.assent.device.android

/** Whether keys are to live in a secure element of their own (StrongBox), apart from the main processor. */
public enum class StrongBox {
    /** In the trusted execution environment: fast, and in every phone. */
    AVOID,

    /** In StrongBox where the phone has one that takes the key, otherwise in the trusted execution environment. */
    PREFER,

    /** In StrongBox, or no key is made: `Unavailable`. */
    REQUIRE,
}

/**
 * How keys are protected beyond what the protocol asks for.
 *
 * @property strongBox where the keys that sign live. The `sealing` key is never in StrongBox: it opens pushes, and has to be
 *   quick.
 * @property unlockedDeviceRequired whether `verified` keys work on an unlocked phone only; `null` for from Android 15 on. Before,
 *   phones count as locked to such keys when they were unlocked by a weak biometric or by what the user carries, and approvals
 *   would fail. The other keys always work: pushes are opened, and requests denied, while the phone is locked.
 */
public data class VaultOptions(
    val strongBox: StrongBox = StrongBox.AVOID,
    val unlockedDeviceRequired: Boolean? = null,
)
