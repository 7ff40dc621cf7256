package com.google.android.gms.tasks

/** Stub. */
abstract class Task<Result> {
    /** Stub. */
    abstract fun addOnSuccessListener(listener: OnSuccessListener<in Result>): Task<Result>

    /** Stub. */
    abstract fun addOnFailureListener(listener: OnFailureListener): Task<Result>
}

/** Stub. */
fun interface OnSuccessListener<Result> {
    /** Stub. */
    fun onSuccess(result: Result)
}

/** Stub. */
fun interface OnFailureListener {
    /** Stub. */
    fun onFailure(failure: Exception)
}
