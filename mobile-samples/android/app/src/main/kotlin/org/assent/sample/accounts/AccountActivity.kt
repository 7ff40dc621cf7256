package org.assent.sample.accounts

import android.app.AlertDialog
import android.view.View
import kotlinx.coroutines.CoroutineScope
import org.assent.device.core.EnrolmentState
import org.assent.device.core.RotationState
import org.assent.sample.Phone
import org.assent.sample.R
import org.assent.sample.ScreenActivity
import org.assent.sample.blocked.BlockedActivity
import org.assent.sample.history.HistoryActivity
import org.assent.sample.showProtected

/** One account. */
class AccountActivity : ScreenActivity<Details, AccountPresenter>(R.layout.account) {
    override fun present(phone: Phone, scope: CoroutineScope): AccountPresenter =
        AccountPresenter(phone.core, account.orEmpty(), scope).also { it.open() }

    override fun bind() {
        onTap(R.id.history) { open(HistoryActivity::class.java, account) }
        onTap(R.id.blocked) { open(BlockedActivity::class.java, account) }
        onTap(R.id.new_keys) { presenter.renewKeys() }
        onTap(R.id.forget) { confirmed(R.string.forget_confirm, R.string.forget) { presenter.forget() } }
        onTap(R.id.wipe) { confirmed(R.string.wipe_confirm, R.string.wipe) { presenter.wipe() } }
    }

    override fun draw(content: Details, idle: Boolean) {
        if (content.gone) return finish()
        val account = content.account ?: return
        val active = account.state == EnrolmentState.ACTIVE && account.revoked == null
        text(R.id.label, account.label)
        text(R.id.issuer, account.issuer)
        text(R.id.account_notice, notice(account)?.let(::getString))
        for (id in listOf(R.id.history, R.id.blocked, R.id.new_keys, R.id.forget)) show(id, active)
        for (id in listOf(R.id.new_keys, R.id.forget, R.id.wipe)) findViewById<View>(id).isEnabled = idle
        text(
            R.id.rotation,
            when (content.rotation) {
                null -> null
                RotationState.DONE -> getString(R.string.keys_done)
                RotationState.AWAITING -> getString(R.string.keys_awaiting)
            },
        )
    }

    private fun confirmed(question: Int, answer: Int, action: () -> Unit) {
        AlertDialog.Builder(this).setMessage(question)
            .setPositiveButton(answer) { _, _ -> action() }
            .setNegativeButton(android.R.string.cancel, null)
            .create().showProtected()
    }
}
