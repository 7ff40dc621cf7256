package org.assent.sample.push

import android.app.BroadcastOptions
import android.app.PendingIntent
import android.content.Context
import android.content.Intent
import android.os.Build
import org.assent.sample.Memory

/** UnifiedPush by broadcasts to a distributor that the user has installed. */
class UnifiedPushSource(private val context: Context, memory: Memory) : PushSource {
    /** The protocol's state. */
    val protocol: UnifiedPush = UnifiedPush(memory)

    override val name: String = "unifiedpush:"

    override fun choices(): List<PushChoice> {
        val packages = context.packageManager
        val found = packages.queryBroadcastReceivers(Intent(UnifiedPush.REGISTER), 0).map { it.activityInfo.packageName }
        return found.distinct().map {
            PushChoice(name + it, packages.getApplicationLabel(packages.getApplicationInfo(it, 0)).toString())
        }
    }

    override fun subscribe(choice: PushChoice, serverKey: String?) {
        val distributor = choice.id.removePrefix(name)
        send(distributor, UnifiedPush.REGISTER, protocol.begin(distributor)) {
            if (serverKey != null) putExtra("vapid", serverKey)
        }
    }

    override fun unsubscribe() {
        val distributor = protocol.distributor ?: return
        protocol.end()?.let { send(distributor, UnifiedPush.UNREGISTER, it) }
    }

    /** Tells the distributor that this came. */
    fun acknowledge(token: String, id: String) {
        val distributor = protocol.distributor ?: return
        send(distributor, UnifiedPush.MESSAGE_ACK, token) { putExtra("id", id) }
    }

    private fun send(distributor: String, action: String, token: String, more: Intent.() -> Unit = {}) {
        val intent = Intent(action).setPackage(distributor).putExtra("token", token).apply(more)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.UPSIDE_DOWN_CAKE) {
            context.sendBroadcast(intent, null, BroadcastOptions.makeBasic().setShareIdentityEnabled(true).toBundle())
        } else {
            // By whom it was made, this tells which app asks. Nobody receives it.
            val nowhere = Intent().setPackage("org.unifiedpush.dummy_app")
            intent.putExtra("pi", PendingIntent.getBroadcast(context, 0, nowhere, PendingIntent.FLAG_IMMUTABLE))
            context.sendBroadcast(intent)
        }
    }
}
