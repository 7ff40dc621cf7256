package org.assent.device.software

import org.assent.device.core.Clock

/** The clocks of a machine that does not sleep: on Android, time that passes in sleep has to count. */
public class SystemClock : Clock {
    override fun unixMillis(): Long = System.currentTimeMillis()

    override fun monotonicMillis(): Long = System.nanoTime() / 1_000_000
}
