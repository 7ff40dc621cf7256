package com.google.firebase.messaging

/** Stub. */
class RemoteMessage(
    /** Stub. */
    val data: Map<String, String>,
)
