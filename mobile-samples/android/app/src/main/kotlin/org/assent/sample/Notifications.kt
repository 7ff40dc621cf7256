package org.assent.sample

import android.app.Notification
import android.app.NotificationChannel
import android.app.NotificationManager
import android.app.PendingIntent
import android.content.Context
import android.content.Intent
import android.os.Bundle
import android.service.notification.StatusBarNotification
import org.assent.sample.approval.ApprovalActivity

private const val CHANNEL = "requests"

/**
 * Tells of requests by the system's notifications. They say that something waits and no more, since by its own settings a phone
 * shows their text on the lock screen.
 */
class Notifications(private val context: Context) : Board {
    private val manager = context.getSystemService(NotificationManager::class.java)

    init {
        val name = context.getString(R.string.channel)
        manager.createNotificationChannel(NotificationChannel(CHANNEL, name, NotificationManager.IMPORTANCE_HIGH))
    }

    override fun tell(waiting: List<Waiting>) {
        val told = told().map { it.tag }.toSet()
        for (request in waiting.filter { it.id !in told }) manager.notify(request.id, 0, notification(request))
    }

    override fun keep(accounts: Collection<String>, waiting: List<Waiting>) {
        val wanted = waiting.map { it.id }.toSet()
        for (shown in told()) {
            if (shown.notification.extras.getString(Extra.ACCOUNT) in accounts && shown.tag !in wanted) remove(shown.tag)
        }
    }

    override fun remove(id: String) = manager.cancel(id, 0)

    private fun told(): List<StatusBarNotification> = manager.activeNotifications.filter { it.tag != null }

    private fun notification(request: Waiting): Notification = Notification.Builder(context, CHANNEL)
        .setSmallIcon(R.drawable.ic_notification)
        .setContentTitle(context.getString(R.string.notification_title))
        .setContentText(context.getString(R.string.notification_text))
        .setCategory(Notification.CATEGORY_MESSAGE)
        .setAutoCancel(true)
        .setTimeoutAfter(request.toldForMillis(System.currentTimeMillis()))
        .addExtras(Bundle().apply { putString(Extra.ACCOUNT, request.account) })
        .setContentIntent(open(request))
        .build()

    private fun open(request: Waiting): PendingIntent {
        val intent = Intent(context, ApprovalActivity::class.java)
            .putExtra(Extra.ACCOUNT, request.account)
            .putExtra(Extra.REQUEST, request.id)
            .setAction(request.id) // Intents that differ in extras alone are the same to the system.
        return PendingIntent.getActivity(context, 0, intent, PendingIntent.FLAG_IMMUTABLE)
    }
}
