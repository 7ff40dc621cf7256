package org.assent.device.android

import android.os.SystemClock
import org.assent.device.core.Clock

/** The phone's clocks: time that passes in sleep counts. */
public class AndroidClock : Clock {
    override fun unixMillis(): Long = System.currentTimeMillis()

    override fun monotonicMillis(): Long = SystemClock.elapsedRealtime()
}
