package org.assent.sample.history

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import org.assent.device.core.DeviceCore
import org.assent.device.core.HistoryEntry
import org.assent.device.core.Outcome
import org.assent.sample.Presenter

/**
 * What was asked and answered.
 *
 * @property entries newest first, as far as they were fetched.
 * @property older where the next page begins, if there is one.
 * @property objected what came of *this was not me*.
 */
data class Answered(val entries: List<HistoryEntry> = emptyList(), val older: ULong? = null, val objected: Outcome? = null)

/** The history of one account, also of the user's other phones. */
class HistoryPresenter(private val core: DeviceCore, private val account: String, scope: CoroutineScope) :
    Presenter<Answered>(Answered(), scope) {
    /** Fetches the newest page. */
    fun open(): Job = attempt { fetch() }

    /** Fetches one page more. */
    fun older(): Job = attempt {
        val before = content.older ?: return@attempt
        val page = core.history(account, before)
        show { it.copy(entries = it.entries + page.entries, older = page.older) }
    }

    /** *This was not me*: takes back what was approved, or disputes it. */
    fun wasNotMe(entry: HistoryEntry): Job = attempt {
        val prompt = entry.prompt ?: return@attempt
        val outcome = core.`object`(account, prompt)
        show { it.copy(objected = outcome) }
        // Where it was this very phone that approved, it is suspended now, and this says so.
        fetch()
    }

    private suspend fun fetch() {
        val page = core.history(account, null)
        show { it.copy(entries = page.entries, older = page.older) }
    }
}
