package com.google.firebase.messaging

import android.app.Service
import android.content.Intent
import android.os.IBinder

/** Stub. */
abstract class FirebaseMessagingService : Service() {
    /** Stub. */
    open fun onNewToken(token: String) = Unit

    /** Stub. */
    open fun onMessageReceived(message: RemoteMessage) = Unit

    override fun onBind(intent: Intent): IBinder? = null
}
