package org.assent.sample.accounts

import kotlinx.coroutines.CoroutineScope
import org.assent.device.core.EnrolmentState
import org.assent.sample.Phone
import org.assent.sample.R
import org.assent.sample.ScreenActivity
import org.assent.sample.approval.ApprovalActivity
import org.assent.sample.enrol.EnrolActivity
import org.assent.sample.phone
import org.assent.sample.push.PushActivity

/** The app's first screen: what waits, and the accounts. */
class AccountsActivity : ScreenActivity<Overview, AccountsPresenter>(R.layout.accounts) {
    override fun present(phone: Phone, scope: CoroutineScope): AccountsPresenter =
        AccountsPresenter(phone.core, phone.inbox, { phone.pushes.target }, scope)

    override fun bind() {
        onTap(R.id.enrol) { open(EnrolActivity::class.java) }
        onTap(R.id.push_settings) { open(PushActivity::class.java) }
    }

    override fun onStart() {
        super.onStart()
        presenter.opened()
        phone.inBackground { phone.pushes.renew() }
    }

    override fun onStop() {
        presenter.left()
        super.onStop()
    }

    override fun startAnew() {
        presenter.startAnew()
    }

    override fun draw(content: Overview, idle: Boolean) {
        show(R.id.nothing_waits, content.waiting.isEmpty())
        rows(R.id.waiting, content.waiting) { request ->
            title(request.client)
            text(request.message)
            onTap { open(ApprovalActivity::class.java, request.account, request.id) }
        }
        show(R.id.no_accounts, idle && content.accounts.isEmpty())
        rows(R.id.accounts, content.accounts) { account ->
            title(account.label)
            text(account.issuer)
            notice(notice(account, content.problems[account.id])?.let(::getString))
            val waits = account.state == EnrolmentState.UNCONFIRMED
            onTap { open(if (waits) EnrolActivity::class.java else AccountActivity::class.java, account.id) }
        }
    }
}
