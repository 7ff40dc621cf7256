package org.assent.sample.push

import android.Manifest
import android.os.Build
import kotlinx.coroutines.CoroutineScope
import org.assent.sample.Phone
import org.assent.sample.R
import org.assent.sample.ScreenActivity

/** Lets the user choose how requests reach this phone. */
class PushActivity : ScreenActivity<PushSettings, PushPresenter>(R.layout.list) {
    override fun present(phone: Phone, scope: CoroutineScope): PushPresenter =
        PushPresenter(phone.pushes, scope).also { it.open() }

    override fun bind() = show(R.id.more, false)

    override fun draw(content: PushSettings, idle: Boolean) {
        val failed = content.failure?.let { getString(R.string.push_failed, it) }
        text(R.id.explained, failed ?: getString(R.string.push_explained))
        rows(R.id.rows, listOf<PushChoice?>(null) + content.choices) { choice ->
            val mark = if (choice?.id == content.chosen) "● " else "○ "
            title(mark + (choice?.label ?: getString(R.string.push_none)))
            onTap {
                if (choice != null) askForNotifications()
                presenter.choose(choice)
            }
        }
    }

    /** Without pushes nothing is told outside the app, so this is where the user sees what it is for. */
    private fun askForNotifications() {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) {
            requestPermissions(arrayOf(Manifest.permission.POST_NOTIFICATIONS), 0)
        }
    }
}
