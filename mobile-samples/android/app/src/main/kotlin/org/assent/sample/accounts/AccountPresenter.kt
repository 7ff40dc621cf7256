package org.assent.sample.accounts

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import org.assent.device.core.Account
import org.assent.device.core.DeviceCore
import org.assent.device.core.KeysToRotate
import org.assent.device.core.RotationState
import org.assent.sample.Presenter

/**
 * One account.
 *
 * @property account as last heard; `null` until it was looked up, and when it is gone.
 * @property gone whether it is no more on this phone.
 * @property rotation how far new keys have come.
 */
data class Details(val account: Account? = null, val gone: Boolean = false, val rotation: RotationState? = null)

/** What a user does with one account: new keys, and leaving it. */
class AccountPresenter(private val core: DeviceCore, private val id: String, scope: CoroutineScope) :
    Presenter<Details>(Details(), scope) {
    /** Looks the account up. */
    fun open(): Job = attempt { look() }

    /**
     * A new key for approvals, as after a change of biometrics. Where it awaits another phone, the same call learns how that
     * ended.
     */
    fun renewKeys(): Job = attempt {
        val rotation = core.rotateKeys(id, KeysToRotate(device = false, verified = true, sealing = false))
        show { it.copy(rotation = rotation) }
    }

    /** Leaves the account, with the server's knowledge. */
    fun forget(): Job = attempt {
        core.forget(id)
        look()
    }

    /** Takes the account off this phone, whatever the server knows: after a revocation, or where it is gone for good. */
    fun wipe(): Job = attempt {
        core.wipe(id)
        look()
    }

    private suspend fun look() {
        val account = core.accounts().find { it.id == id }
        show { it.copy(account = account, gone = account == null) }
    }
}
