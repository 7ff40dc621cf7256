package org.assent.sample.push

import android.content.Context
import com.google.firebase.messaging.FirebaseMessaging
import org.assent.device.core.Platform
import org.assent.device.core.PushTarget
import org.assent.sample.phone

/** Firebase Cloud Messaging. */
class FcmSource(private val context: Context) : PushSource {
    override val name: String = CHOICE

    override fun choices(): List<PushChoice> = listOf(PushChoice(CHOICE, "Firebase Cloud Messaging"))

    override fun subscribe(choice: PushChoice, serverKey: String?) {
        val phone = context.phone
        FirebaseMessaging.getInstance().token
            .addOnSuccessListener { token ->
                phone.inBackground { phone.pushes.targetChanged(PushTarget.FcmToken(Platform.ANDROID, token)) }
            }
            .addOnFailureListener { failure -> phone.pushes.failed(failure.toString()) }
    }

    override fun unsubscribe() {
        FirebaseMessaging.getInstance().deleteToken()
    }

    /** Words of this source. */
    companion object {
        /** The id of its only choice. */
        const val CHOICE: String = "fcm"
    }
}

/** Makes it known to the app. */
class FcmSourceFactory : PushSourceFactory {
    override fun make(context: Context): PushSource = FcmSource(context)
}
