package org.assent.sample

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import org.assent.device.core.DeviceException

/**
 * All that a screen shows at one moment.
 *
 * @property busy whether a call is under way.
 * @property problem why the last call failed, if it did.
 */
data class Screen<out Content>(val content: Content, val busy: Boolean = false, val problem: Problem? = null)

/**
 * One screen without any class of Android: what it shows, and what its buttons do.
 *
 * Calls run in [scope], which ends when the user leaves the screen. The core allows a call to be dropped at any point and made
 * again.
 */
abstract class Presenter<Content>(first: Content, protected val scope: CoroutineScope) {
    private val screen = MutableStateFlow(Screen(first))
    private var running: Job? = null
    private var last: (suspend () -> Unit)? = null

    /** What to show. */
    val state: StateFlow<Screen<Content>> = screen.asStateFlow()

    /** What is shown now. */
    protected val content: Content get() = screen.value.content

    /** Shows something else. */
    protected fun show(change: (Content) -> Content) = screen.update { it.copy(content = change(it.content)) }

    /** Says why something does not work. */
    protected fun failed(failure: DeviceException) = screen.update { it.copy(problem = failure.problem()) }

    /** Makes the last call once more, where it failed for a reason that may pass. */
    open fun again() {
        last?.let(::attempt)
    }

    /** Makes a call; a second tap while one is under way is no second call. */
    protected fun attempt(call: suspend () -> Unit): Job {
        running?.takeIf { it.isActive }?.let { return it }
        last = call
        screen.update { it.copy(busy = true, problem = null) }
        return scope.launch {
            try {
                call()
            } catch (failure: DeviceException) {
                failed(failure)
            } finally {
                screen.update { it.copy(busy = false) }
            }
        }.also { running = it }
    }
}
