package org.assent.sample

/** The longest name that the protocol takes, in code points. */
private const val MOST_NAME = 60

/** As much of a name as the protocol takes. */
fun deviceName(name: String): String =
    if (name.codePointCount(0, name.length) <= MOST_NAME) name else name.substring(0, name.offsetByCodePoints(0, MOST_NAME))
