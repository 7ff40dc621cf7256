package org.assent.sample.enrol

import android.content.Intent
import android.widget.EditText
import android.widget.TextView
import kotlinx.coroutines.CoroutineScope
import org.assent.device.core.EnrolmentState
import org.assent.sample.Phone
import org.assent.sample.R
import org.assent.sample.ScreenActivity

/** Takes a ticket from the link that opened it, or from a field. A link alone does nothing: any page can open one. */
class EnrolActivity : ScreenActivity<Enrolling, EnrolPresenter>(R.layout.enrol) {
    private val field: EditText get() = findViewById(R.id.ticket)

    /** Only this app's own screens name one: other apps come in by the name of the link, and bring a link alone. */
    override val account: String?
        get() = super.account.takeIf { intent.data == null && intent.component?.className == EnrolActivity::class.java.name }

    override fun present(phone: Phone, scope: CoroutineScope): EnrolPresenter =
        EnrolPresenter(phone.core, phone.info, phone.pushes.target, scope).also { presenter -> account?.let(presenter::resume) }

    override fun bind() {
        takeLink()
        onTap(R.id.use) { presenter.enrol(field.text.toString()) }
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        setIntent(intent)
        takeLink()
    }

    private fun takeLink() {
        val link = intent.data ?: return
        field.setText(link.toString())
        findViewById<TextView>(R.id.explained).setText(R.string.ticket_confirm)
    }

    override fun draw(content: Enrolling, idle: Boolean) {
        val waits = content.state == EnrolmentState.UNCONFIRMED
        show(R.id.form, idle && content.state == null && account == null)
        text(R.id.label, content.label?.let { getString(R.string.enrol_of, it) })
        text(R.id.digits, content.digits.takeIf { waits })
        text(
            R.id.state,
            when (content.state) {
                null -> null
                EnrolmentState.UNCONFIRMED ->
                    getString(if (content.digits == null) R.string.enrol_unconfirmed else R.string.digits_explained)
                EnrolmentState.ACTIVE -> getString(R.string.enrol_active)
                EnrolmentState.CANCELLED -> getString(R.string.enrol_cancelled)
                EnrolmentState.REVOKED -> getString(R.string.enrol_revoked)
            },
        )
    }
}
