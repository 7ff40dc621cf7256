package org.assent.sample

import android.app.Dialog
import android.os.Build
import android.view.MotionEvent
import android.view.Window
import android.view.WindowManager

private const val COVERED = MotionEvent.FLAG_WINDOW_IS_OBSCURED or MotionEvent.FLAG_WINDOW_IS_PARTIALLY_OBSCURED

/**
 * Whether a touch with these flags came while another app's window lay over ours: at the place that was touched, or at any other,
 * where it may hide what the touch is an answer to.
 */
fun isCovered(flags: Int): Boolean = flags and COVERED != 0

/** Keeps a window out of recordings and screenshots, and takes other apps' windows away from it. */
fun Window.protect() {
    addFlags(WindowManager.LayoutParams.FLAG_SECURE)
    if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) setHideOverlayWindows(true)
}

/** Shows a dialogue, which is a window of its own, as protected as the screen below it. */
fun Dialog.showProtected() {
    val window = checkNotNull(window) { "a dialogue has a window" }
    val dialogue = window.callback
    window.protect()
    window.callback = object : Window.Callback by dialogue {
        override fun dispatchTouchEvent(event: MotionEvent): Boolean =
            isCovered(event.flags) || dialogue.dispatchTouchEvent(event)
    }
    show()
}
