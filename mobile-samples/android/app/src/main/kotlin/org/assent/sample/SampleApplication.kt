package org.assent.sample

import android.app.Application
import android.content.Context

/** The process. */
class SampleApplication : Application() {
    /** Made at first use: a receiver may be what starts the process. */
    val phone: Phone by lazy { TODO() }
}

/** The process's [Phone]. */
val Context.phone: Phone get() = (applicationContext as SampleApplication).phone
