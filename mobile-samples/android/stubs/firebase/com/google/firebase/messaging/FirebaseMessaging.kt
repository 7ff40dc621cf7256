package com.google.firebase.messaging

import com.google.android.gms.tasks.Task

/** Stub. */
abstract class FirebaseMessaging {
    /** Stub. */
    abstract val token: Task<String>

    /** Stub. */
    abstract fun deleteToken(): Task<Void>

    /** Stub. */
    companion object {
        /** Stub. */
        @JvmStatic
        fun getInstance(): FirebaseMessaging = error("a stub")
    }
}
