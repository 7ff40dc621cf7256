package org.assent.device.scenarios

import org.assent.device.core.Ports

/** What a vault does when it is asked for a key. */
enum class Keys {
    /** They are there. */
    WORK,

    /** Those that verify the user are gone for good. */
    INVALIDATED,

    /** All are gone, as after a restore. */
    LOST,

    /** They are there, and cannot be used now. */
    UNAVAILABLE,
}

/**
 * One phone below its core: what a scenario does to it, whatever its ports are made of. The Android library plays the same
 * scenarios with its own.
 */
interface Handset {
    /** Ports on what this phone has stored; asked for again after each restart. */
    fun ports(): Ports

    /** Whether the user agrees to the platform's dialogue, from now on. */
    fun user(consents: Boolean)

    /** What becomes of the keys, from now on. */
    fun keys(state: Keys)
}
