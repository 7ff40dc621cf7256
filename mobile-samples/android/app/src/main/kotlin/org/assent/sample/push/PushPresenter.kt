package org.assent.sample.push

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.launch
import org.assent.sample.Presenter

/**
 * The ways by which pushes can come.
 *
 * @property choices what there is on this phone.
 * @property chosen the id of what was chosen; `null`: none.
 * @property failure why it brings no pushes, where it does not.
 */
data class PushSettings(val choices: List<PushChoice> = emptyList(), val chosen: String? = null, val failure: String? = null)

/** Lets the user choose how pushes come. */
class PushPresenter(private val pushes: Pushes, scope: CoroutineScope) : Presenter<PushSettings>(PushSettings(), scope) {
    init {
        scope.launch { pushes.failure.collect { failure -> show { it.copy(failure = failure) } } }
    }

    /** Looks what there is. */
    fun open(): Job = attempt { look() }

    /** Takes another choice, or none. */
    fun choose(choice: PushChoice?): Job = attempt {
        try {
            pushes.choose(choice)
        } finally {
            look()
        }
    }

    private fun look() = show { it.copy(choices = pushes.choices(), chosen = pushes.chosen) }
}
