package org.assent.sample

import android.content.Context
import android.content.pm.ApplicationInfo
import android.os.Build
import android.provider.Settings.Global
import android.util.Log
import java.util.ServiceLoader
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeoutOrNull
import org.assent.device.code
import org.assent.device.core.DeviceCore
import org.assent.device.core.DeviceException
import org.assent.device.core.DeviceInfo
import org.assent.device.core.Ports
import org.assent.device.core.Settings
import org.assent.sample.push.Pushes
import org.assent.sample.push.PushSource
import org.assent.sample.push.PushSourceFactory
import org.assent.sample.push.UnifiedPushSource

/** What the system allows a receiver, less a little. */
private val WORKING_TIME = 9.seconds

/** All that the process has one of: the core, and what is around it. */
class Phone(context: Context, ports: Ports) {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private val issuer = context.getString(R.string.issuer)
    private val memory = SettingsMemory(context)

    /** Keys, protocol and state. Plain HTTP to this phone itself is allowed in a debug build alone. */
    val core: DeviceCore = DeviceCore(Settings(listOf(issuer), context.isDebuggable), ports)

    /** What this phone says of itself when it joins an account. */
    val info: DeviceInfo = DeviceInfo(
        name = deviceName(Global.getString(context.contentResolver, Global.DEVICE_NAME) ?: Build.MODEL),
        model = deviceName(Build.MODEL),
        os = "Android ${Build.VERSION.RELEASE}",
        appId = context.packageName,
        appVersion = context.packageManager.getPackageInfo(context.packageName, 0).versionName.orEmpty(),
    )

    /** What awaits the user. */
    val inbox: Inbox = Inbox(core, Notifications(context))

    /** Pushes by UnifiedPush. */
    val unifiedPush: UnifiedPushSource = UnifiedPushSource(context, memory)

    /** How pushes come. */
    val pushes: Pushes = Pushes(core, inbox, issuer, memory, listOf(unifiedPush) + ofThisFlavour(context))

    /** Does [work] while no screen waits for it; a failure goes to the log, by its code. [finished] is called in every case. */
    fun inBackground(finished: () -> Unit = {}, work: suspend () -> Unit) {
        scope.launch {
            try {
                logged(work)
            } finally {
                finished()
            }
        }
    }

    /** The same on the caller's thread, which may be held for some seconds. */
    fun workNow(work: suspend Phone.() -> Unit): Unit = runBlocking { logged { work() } }

    private suspend fun logged(work: suspend () -> Unit) {
        try {
            withTimeoutOrNull(WORKING_TIME) { work() }
        } catch (failure: DeviceException) {
            Log.i("assent", failure.code)
        }
    }
}

private fun ofThisFlavour(context: Context): List<PushSource> =
    ServiceLoader.load(PushSourceFactory::class.java).map { it.make(context) }

private val Context.isDebuggable: Boolean get() = applicationInfo.flags and ApplicationInfo.FLAG_DEBUGGABLE != 0

/** Settings in the app's own preferences. */
private class SettingsMemory(context: Context) : Memory {
    private val preferences = context.getSharedPreferences("settings", Context.MODE_PRIVATE)

    override fun get(name: String): String? = preferences.getString(name, null)

    override fun set(name: String, value: String?) = preferences.edit().putString(name, value).apply()
}
