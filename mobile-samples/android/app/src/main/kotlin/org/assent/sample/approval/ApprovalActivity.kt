package org.assent.sample.approval

import android.app.AlertDialog
import android.graphics.Rect
import android.text.Editable
import android.text.InputFilter
import android.text.TextWatcher
import android.text.format.DateUtils
import android.view.ViewGroup
import android.widget.Button
import android.widget.EditText
import android.widget.ScrollView
import android.widget.TextView
import java.util.Locale
import kotlinx.coroutines.CoroutineScope
import org.assent.device.core.BlockPeriod
import org.assent.device.core.DenyReason
import org.assent.device.core.Display
import org.assent.device.core.DisplayLine
import org.assent.device.core.Outcome
import org.assent.device.core.RequestKind
import org.assent.device.core.Warning
import org.assent.sample.Extra
import org.assent.sample.Phone
import org.assent.sample.R
import org.assent.sample.ScreenActivity
import org.assent.sample.showProtected

/** Shows one request, all of it, and takes the answer. It is never shown over the lock screen. */
class ApprovalActivity : ScreenActivity<Approval, ApprovalPresenter>(R.layout.approval) {
    private var drawn: Display? = null

    override fun present(phone: Phone, scope: CoroutineScope): ApprovalPresenter {
        val request = intent.getStringExtra(Extra.REQUEST).orEmpty()
        val seconds = { System.currentTimeMillis() / 1_000 }
        return ApprovalPresenter(phone.core, phone.inbox, account.orEmpty(), request, seconds, scope).also { it.open() }
    }

    override fun bind() {
        val scroll = findViewById<ScrollView>(R.id.scroll)
        scroll.setOnScrollChangeListener { _, _, _, _, _ -> tellSeen() }
        scroll.viewTreeObserver.addOnGlobalLayoutListener { tellSeen() }
        findViewById<EditText>(R.id.code).addTextChangedListener(Typed { presenter.typed(it) })
        onTap(R.id.approve) { presenter.approve() }
        onTap(R.id.deny) { askWhy() }
        onTap(R.id.block_quarter_hour) { presenter.block(BlockPeriod.QUARTER_HOUR) }
        onTap(R.id.block_day) { presenter.block(BlockPeriod.DAY) }
        onTap(R.id.block_until_lifted) { presenter.block(BlockPeriod.UNTIL_LIFTED) }
        onTap(R.id.done) { finish() }
    }

    override fun draw(content: Approval, idle: Boolean) {
        val display = content.display
        if (display != null && display != drawn) drawRequest(display)
        val isNotice = display?.kind == RequestKind.NOTICE
        findViewById<Button>(R.id.approve).run {
            isEnabled = idle && content.mayApprove
            setText(if (isNotice) R.string.notice_fine else R.string.approve)
        }
        findViewById<Button>(R.id.deny).run {
            isEnabled = idle && content.mayDeny
            setText(if (isNotice) R.string.notice_not_me else R.string.deny)
        }
        show(R.id.answers, content.mayDeny)
        show(R.id.scroll_on, content.mayDeny && content.linesSeen < (display?.allLines?.toInt() ?: 0))
        val left = getString(R.string.time_left, DateUtils.formatElapsedTime(content.secondsLeft))
        text(R.id.time_left, left.takeIf { content.mayDeny })
        text(R.id.outcome, content.outcome?.let { getString(outcome(it)) })
        show(R.id.block, content.mayBlock)
        text(R.id.block_offer, display?.let { getString(R.string.block_offer, it.title) })
        show(R.id.done, content.outcome != null)
    }

    private fun drawRequest(display: Display) {
        val fresh = drawn?.lines != display.lines
        drawn = display
        text(R.id.heading, heading(display))
        text(R.id.account, getString(R.string.for_account, display.account))
        val warnings = findViewById<ViewGroup>(R.id.warnings)
        warnings.removeAllViews()
        for (warning in display.warnings) {
            warnings.addView(TextView(this, null, 0, R.style.Warning).also { it.text = said(warning) })
        }
        text(R.id.verifies, getString(if (display.verifiesUser) R.string.verifies_user else R.string.verifies_nothing))
        if (!fresh) return
        lines(R.id.lines, display.lines, display.language)
        text(R.id.context_of, getString(R.string.context_of, display.title).takeIf { display.context.isNotEmpty() })
        lines(R.id.context, display.context, display.language)
        show(R.id.match_code, display.matchCode != null)
        display.matchCode?.let { code ->
            val field = findViewById<EditText>(R.id.code)
            field.filters = arrayOf(InputFilter.LengthFilter(code.digits.toInt()))
            field.hint = getString(R.string.code_hint, code.digits.toInt())
        }
    }

    private fun lines(id: Int, lines: List<DisplayLine>, language: String) {
        val list = findViewById<ViewGroup>(id)
        list.removeAllViews()
        for (line in lines) {
            val view = layoutInflater.inflate(R.layout.line, list, false)
            for ((part, text) in listOf(R.id.line_label to line.label, R.id.line_value to line.value)) {
                view.findViewById<TextView>(part).run {
                    textLocale = Locale.forLanguageTag(language)
                    this.text = text
                }
            }
            list.addView(view)
        }
    }

    private fun tellSeen() {
        val scroll = findViewById<ScrollView>(R.id.scroll)
        val lines = findViewById<ViewGroup>(R.id.lines)
        if (!lines.isLaidOut) return
        val bottoms = (0 until lines.childCount).map { index ->
            val line = lines.getChildAt(index)
            Rect(0, 0, line.width, line.height).also { scroll.offsetDescendantRectToMyCoords(line, it) }.bottom
        }
        presenter.seen(fullyShown(bottoms, scroll.scrollY + scroll.height - scroll.paddingBottom))
    }

    private fun heading(display: Display): String = when (display.kind) {
        RequestKind.AUTHENTICATION -> getString(R.string.asks_authentication, display.title)
        RequestKind.ADD_DEVICE -> getString(R.string.asks_add_device)
        RequestKind.ROTATE -> getString(R.string.asks_rotate)
        RequestKind.NOTICE -> getString(R.string.asks_notice)
        RequestKind.TEST -> getString(R.string.asks_test)
    }

    private fun said(warning: Warning): String = when (warning) {
        Warning.UnverifiedClient -> getString(R.string.warning_unverified)
        is Warning.Conflict ->
            resources.getQuantityString(R.plurals.warning_conflict, warning.others.toInt(), warning.others.toInt())
        is Warning.ExpiringSoon -> getString(R.string.warning_soon)
        Warning.Expired -> getString(R.string.warning_expired)
    }

    private fun outcome(outcome: Outcome): Int = when (outcome) {
        Outcome.APPROVED -> R.string.outcome_approved
        Outcome.DENIED -> R.string.outcome_denied
        Outcome.DISPUTED -> R.string.outcome_disputed
    }

    /** Only *I did not start this* counts against the client, so the user says which it is. A notice has one answer. */
    private fun askWhy() {
        if (drawn?.kind == RequestKind.NOTICE) {
            presenter.deny(DenyReason.NOT_ME)
            return
        }
        val reasons = listOf(
            R.string.deny_not_me to DenyReason.NOT_ME,
            R.string.deny_wrong_details to DenyReason.WRONG_DETAILS,
            R.string.deny_cancelled to DenyReason.CANCELLED,
        )
        AlertDialog.Builder(this).setTitle(R.string.deny_why)
            .setItems(reasons.map { getString(it.first) }.toTypedArray()) { _, which -> presenter.deny(reasons[which].second) }
            .setNegativeButton(android.R.string.cancel, null)
            .create().showProtected()
    }

    private class Typed(private val heard: (String) -> Unit) : TextWatcher {
        override fun beforeTextChanged(text: CharSequence, start: Int, count: Int, after: Int) = Unit

        override fun onTextChanged(text: CharSequence, start: Int, before: Int, count: Int) = Unit

        override fun afterTextChanged(text: Editable) = heard(text.toString())
    }
}
