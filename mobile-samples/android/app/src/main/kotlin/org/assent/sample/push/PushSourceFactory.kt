package org.assent.sample.push

import android.content.Context

/** Found by [java.util.ServiceLoader], so that a source of pushes can be in a flavour of its own. */
interface PushSourceFactory {
    /** Makes the source. */
    fun make(context: Context): PushSource
}
