package org.assent.sample

import android.app.Activity
import android.content.Intent
import android.os.Bundle
import android.view.MotionEvent
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.TextView
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.MainScope
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch
import org.assent.sample.accounts.AccountActivity
import org.assent.sample.enrol.EnrolActivity

/** Names of what screens hand to each other. */
object Extra {
    /** The id of an account on this phone. */
    const val ACCOUNT: String = "account"

    /** The id of a request. */
    const val REQUEST: String = "request"
}

/**
 * Draws what a [Presenter] says. The presenter outlives a turn of the phone; a call that is under way goes on.
 *
 * No screen can be recorded, and none takes a touch through another app's window.
 */
abstract class ScreenActivity<Content, P : Presenter<Content>>(private val layout: Int) : Activity() {
    private class Kept(val scope: CoroutineScope, val presenter: Any)

    private lateinit var kept: Kept
    private var showing: Job? = null

    /** What this screen shows and does. */
    @Suppress("UNCHECKED_CAST") // What was kept is what `present` made for this very class.
    protected val presenter: P get() = kept.presenter as P

    /** The account that the screen is about, where it is about one. */
    protected open val account: String? get() = intent.getStringExtra(Extra.ACCOUNT)

    /** Makes the presenter, and lets it begin. */
    protected abstract fun present(phone: Phone, scope: CoroutineScope): P

    /** Ties views to the presenter. */
    protected abstract fun bind()

    /** Draws [content]; taps are taken while no call is under way. */
    protected abstract fun draw(content: Content, idle: Boolean)

    /** Forgets what is stored and cannot be read, where the screen offers that. */
    protected open fun startAnew() = Unit

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        window.protect()
        setContentView(layout)
        kept = lastNonConfigurationInstance as Kept? ?: MainScope().let { Kept(it, present(phone, it)) }
        bind()
    }

    override fun dispatchTouchEvent(event: MotionEvent): Boolean = isCovered(event.flags) || super.dispatchTouchEvent(event)

    override fun onStart() {
        super.onStart()
        showing = kept.scope.launch {
            presenter.state.collect { screen ->
                drawStatus(screen)
                draw(screen.content, !screen.busy)
            }
        }
    }

    override fun onStop() {
        showing?.cancel()
        super.onStop()
    }

    @Suppress("OVERRIDE_DEPRECATION") // Without AndroidX this is the way.
    override fun onRetainNonConfigurationInstance(): Any = kept

    override fun onDestroy() {
        if (!isChangingConfigurations) kept.scope.cancel()
        super.onDestroy()
    }

    private fun drawStatus(screen: Screen<Content>) {
        findViewById<View>(R.id.busy).visibility = if (screen.busy) View.VISIBLE else View.INVISIBLE
        val problem = screen.problem
        text(R.id.problem, problem?.let { getString(it.text) })
        val remedy = findViewById<Button>(R.id.remedy)
        val (label, action) = when (problem?.remedy) {
            Remedy.NEW_KEYS -> R.string.remedy_new_keys to { open(AccountActivity::class.java, account) }
            Remedy.ENROL_AGAIN -> R.string.remedy_enrol_again to { open(EnrolActivity::class.java) }
            Remedy.START_ANEW -> R.string.remedy_start_anew to ::startAnew
            Remedy.TRY_AGAIN -> R.string.remedy_try_again to { presenter.again() }
            Remedy.NONE, null -> null to {}
        }
        show(R.id.remedy, label != null)
        if (label != null) remedy.setText(label)
        remedy.setOnClickListener { action() }
    }

    /** Sets a text; a view without one is not there. */
    protected fun text(id: Int, text: CharSequence?): TextView = findViewById<TextView>(id).also {
        it.visibility = if (text == null) View.GONE else View.VISIBLE
        if (it.text.toString() != text.toString()) it.text = text
    }

    /** Shows a view, or takes it away. */
    protected fun show(id: Int, visible: Boolean) {
        findViewById<View>(id).visibility = if (visible) View.VISIBLE else View.GONE
    }

    /** What a button does. */
    protected fun onTap(id: Int, action: () -> Unit) = findViewById<View>(id).setOnClickListener { action() }

    /** Fills a list with one row an item. */
    protected fun <Item> rows(id: Int, items: List<Item>, row: Row.(Item) -> Unit) {
        val list = findViewById<ViewGroup>(id)
        list.removeAllViews()
        for (item in items) list.addView(layoutInflater.inflate(R.layout.row, list, false).also { Row(it).row(item) })
    }

    /** One row of a list. */
    protected class Row(private val view: View) {
        init {
            for (id in listOf(R.id.text, R.id.notice, R.id.action)) view.findViewById<View>(id).visibility = View.GONE
        }

        /** The row's first line. */
        fun title(text: CharSequence) = set(R.id.title, text)

        /** What stands below it. */
        fun text(text: CharSequence?) = set(R.id.text, text)

        /** What the user must be told. */
        fun notice(text: CharSequence?) = set(R.id.notice, text)

        /** What a tap on the row does. */
        fun onTap(action: () -> Unit) = view.setOnClickListener { action() }

        /** A button of the row. */
        fun action(label: Int, enabled: Boolean, action: () -> Unit) {
            val button = view.findViewById<Button>(R.id.action)
            button.visibility = View.VISIBLE
            button.isEnabled = enabled
            button.setText(label)
            button.setOnClickListener { action() }
        }

        private fun set(id: Int, text: CharSequence?) {
            view.findViewById<TextView>(id).text = text
            view.findViewById<View>(id).visibility = if (text == null) View.GONE else View.VISIBLE
        }
    }

    /** Opens another screen. */
    protected fun open(screen: Class<out Activity>, account: String? = null, request: String? = null) {
        startActivity(Intent(this, screen).putExtra(Extra.ACCOUNT, account).putExtra(Extra.REQUEST, request))
    }
}
