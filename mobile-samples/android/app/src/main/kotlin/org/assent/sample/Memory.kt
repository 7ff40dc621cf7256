package org.assent.sample

/** Small settings that survive restarts; no secret of an account is among them. */
interface Memory {
    /** What was last set under this name. */
    operator fun get(name: String): String?

    /** Sets it; `null` removes it. */
    operator fun set(name: String, value: String?)
}
