package org.assent.sample

import android.app.Notification
import android.app.NotificationChannel
import android.app.NotificationManager
import android.app.PendingIntent
import android.content.Context
import android.content.Intent
import org.assent.sample.approval.ApprovalActivity

private const val CHANNEL = "requests"

/** Tells of requests by the system's notifications. The lock screen says only that something waits. */
class Notifications(private val context: Context) : Board {
    private val manager = context.getSystemService(NotificationManager::class.java)

    init {
        val channel = NotificationChannel(CHANNEL, context.getString(R.string.channel), NotificationManager.IMPORTANCE_HIGH)
        channel.lockscreenVisibility = Notification.VISIBILITY_PRIVATE
        manager.createNotificationChannel(channel)
    }

    override fun tell(waiting: List<Waiting>) {
        keep(waiting)
        val told = told()
        for (request in waiting.filter { it.id !in told }) manager.notify(request.id, 0, notification(request))
    }

    override fun keep(waiting: List<Waiting>) {
        val wanted = waiting.map { it.id }.toSet()
        for (id in told() - wanted) manager.cancel(id, 0)
    }

    private fun told(): Set<String> = manager.activeNotifications.mapNotNull { it.tag }.toSet()

    private fun notification(request: Waiting): Notification = general()
        .setContentText(context.getString(R.string.notification_asks, request.client))
        .setPublicVersion(general().setContentText(context.getString(R.string.notification_text)).build())
        .setContentIntent(open(request))
        .build()

    private fun general(): Notification.Builder = Notification.Builder(context, CHANNEL)
        .setSmallIcon(R.drawable.ic_notification)
        .setContentTitle(context.getString(R.string.notification_title))
        .setCategory(Notification.CATEGORY_MESSAGE)
        .setVisibility(Notification.VISIBILITY_PRIVATE)
        .setAutoCancel(true)

    private fun open(request: Waiting): PendingIntent {
        val intent = Intent(context, ApprovalActivity::class.java)
            .putExtra(Extra.ACCOUNT, request.account)
            .putExtra(Extra.REQUEST, request.id)
            .setAction(request.id) // Intents that differ in extras alone are the same to the system.
        return PendingIntent.getActivity(context, 0, intent, PendingIntent.FLAG_IMMUTABLE)
    }
}
