package org.assent.sample.history

import android.app.AlertDialog
import android.text.format.DateUtils
import kotlinx.coroutines.CoroutineScope
import org.assent.device.core.HistoryEntry
import org.assent.device.core.Outcome
import org.assent.sample.Phone
import org.assent.sample.R
import org.assent.sample.ScreenActivity
import org.assent.sample.showProtected

/** What was asked and answered, on whichever phone of the user. */
class HistoryActivity : ScreenActivity<Answered, HistoryPresenter>(R.layout.list) {
    override fun present(phone: Phone, scope: CoroutineScope): HistoryPresenter =
        HistoryPresenter(phone.core, account.orEmpty(), scope).also { it.open() }

    override fun bind() = onTap(R.id.more) { presenter.older() }

    override fun draw(content: Answered, idle: Boolean) {
        val said = when (content.objected) {
            Outcome.DISPUTED -> R.string.outcome_disputed
            Outcome.DENIED, Outcome.APPROVED -> R.string.outcome_denied
            null -> R.string.history_none.takeIf { idle && content.entries.isEmpty() }
        }
        text(R.id.explained, said?.let(::getString))
        rows(R.id.rows, content.entries) { entry ->
            title(entry.clientName)
            text(listOfNotNull(entry.message, answer(entry)).joinToString("\n"))
            if (entry.prompt != null) action(R.string.not_me, idle) { confirm(entry) }
        }
        show(R.id.more, content.older != null)
    }

    private fun answer(entry: HistoryEntry): String {
        val phone = when {
            entry.onThisPhone -> getString(R.string.this_phone)
            else -> entry.deviceName.ifEmpty { getString(R.string.nameless_phone) }
        }
        val moment = DateUtils.getRelativeTimeSpanString(entry.answeredAt * 1_000)
        val how = when (entry.outcome) {
            Outcome.APPROVED -> R.string.history_approved
            Outcome.DENIED -> R.string.history_denied
            Outcome.DISPUTED -> R.string.history_disputed
        }
        return getString(how, phone, moment)
    }

    private fun confirm(entry: HistoryEntry) {
        AlertDialog.Builder(this).setMessage(R.string.not_me_confirm)
            .setPositiveButton(R.string.not_me) { _, _ -> presenter.wasNotMe(entry) }
            .setNegativeButton(android.R.string.cancel, null)
            .create().showProtected()
    }
}
