package org.assent.sample.blocked

import android.text.format.DateUtils
import kotlinx.coroutines.CoroutineScope
import org.assent.device.core.BlockedClient
import org.assent.sample.Phone
import org.assent.sample.R
import org.assent.sample.ScreenActivity

/** The clients that may not ask; a tap lets one ask again. */
class BlockedActivity : ScreenActivity<List<BlockedClient>, BlockedPresenter>(R.layout.list) {
    override fun present(phone: Phone, scope: CoroutineScope): BlockedPresenter =
        BlockedPresenter(phone.core, account.orEmpty(), scope).also { it.open() }

    override fun bind() = show(R.id.more, false)

    override fun draw(content: List<BlockedClient>, idle: Boolean) {
        text(R.id.explained, getString(R.string.blocked_none).takeIf { idle && content.isEmpty() })
        rows(R.id.rows, content) { client ->
            title(client.name)
            text(until(client))
            onTap { presenter.unblock(client) }
        }
    }

    private fun until(client: BlockedClient): String = when (val until = client.until) {
        null -> getString(R.string.blocked_until_lifted)
        else -> getString(R.string.blocked_until, DateUtils.getRelativeTimeSpanString(until * 1_000))
    }
}
