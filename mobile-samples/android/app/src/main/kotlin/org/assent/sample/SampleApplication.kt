package org.assent.sample

import android.app.Activity
import android.app.Application
import android.content.Context
import android.os.Bundle
import org.assent.device.android.BiometricPrompter
import org.assent.device.android.PromptText
import org.assent.device.android.androidPorts
import org.assent.device.core.SigningReason

/** The process. */
class SampleApplication : Application() {
    private val front = Front()

    /** Made at first use: a receiver may be what starts the process. */
    val phone: Phone by lazy { Phone(this, androidPorts(this, BiometricPrompter(front::activity, ::words))) }

    override fun onCreate() {
        super.onCreate()
        registerActivityLifecycleCallbacks(front)
    }

    private fun words(reason: SigningReason): PromptText {
        val title = when (reason) {
            is SigningReason.Approval -> getString(R.string.prompt_approval, reason.client)
            is SigningReason.Unblock -> getString(R.string.prompt_unblock)
            SigningReason.Rotation -> getString(R.string.prompt_rotation)
            SigningReason.Enrolment -> getString(R.string.prompt_enrolment)
            SigningReason.Proof, SigningReason.Denial -> getString(R.string.app_name) // Nobody is asked.
        }
        return PromptText(title, getString(android.R.string.cancel))
    }
}

/** The process's [Phone]. */
val Context.phone: Phone get() = (applicationContext as SampleApplication).phone

/** Which activity is in front, for the platform's dialogue to appear on. */
private class Front : Application.ActivityLifecycleCallbacks {
    var activity: Activity? = null
        private set

    override fun onActivityResumed(activity: Activity) {
        this.activity = activity
    }

    override fun onActivityPaused(activity: Activity) {
        if (this.activity === activity) this.activity = null
    }

    override fun onActivityCreated(activity: Activity, saved: Bundle?) = Unit

    override fun onActivityStarted(activity: Activity) = Unit

    override fun onActivityStopped(activity: Activity) = Unit

    override fun onActivitySaveInstanceState(activity: Activity, out: Bundle) = Unit

    override fun onActivityDestroyed(activity: Activity) = Unit
}
