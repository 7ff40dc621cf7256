package org.assent.sample.push

import com.google.firebase.messaging.FirebaseMessagingService
import com.google.firebase.messaging.RemoteMessage
import org.assent.device.core.Platform
import org.assent.device.core.PushTarget
import org.assent.sample.phone

/** Hands over what Firebase delivers. It is called on a thread of its own, which may work for some seconds. */
class FcmService : FirebaseMessagingService() {
    override fun onNewToken(token: String) {
        if (phone.pushes.chosen != FcmSource.CHOICE) return
        phone.workNow { pushes.targetChanged(PushTarget.FcmToken(Platform.ANDROID, token)) }
    }

    override fun onMessageReceived(message: RemoteMessage) = phone.workNow { pushes.received(message.data) }
}
