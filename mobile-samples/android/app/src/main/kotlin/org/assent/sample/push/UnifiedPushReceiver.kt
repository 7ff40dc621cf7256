package org.assent.sample.push

import android.app.Service
import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.os.Binder
import android.os.IBinder
import org.assent.device.core.PushTarget
import org.assent.sample.phone

/** Hears what a distributor of UnifiedPush says. Anyone can send such a broadcast; the token tells whether it is ours. */
class UnifiedPushReceiver : BroadcastReceiver() {
    override fun onReceive(context: Context, intent: Intent) {
        val phone = context.phone
        val token = intent.getStringExtra("token")
        val told = phone.unifiedPush.protocol
            .read(intent.action, token, intent.getStringExtra("endpoint"), intent.getStringExtra("reason")) ?: return
        intent.getStringExtra("id")?.let { phone.unifiedPush.acknowledge(token!!, it) }
        val work = goAsync()
        phone.inBackground(work::finish) {
            when (told) {
                is Told.Target -> phone.pushes.targetChanged(told.target)
                Told.Message -> phone.pushes.received(null)
                is Told.Failed -> {
                    phone.pushes.targetChanged(PushTarget.None)
                    phone.pushes.failed(told.reason)
                }
            }
        }
    }
}

/** A distributor binds to this for a few seconds, which lets the app use the network while the phone sleeps. */
class RaiseToForegroundService : Service() {
    override fun onBind(intent: Intent): IBinder = Binder()
}
