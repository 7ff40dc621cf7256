package org.assent.sample.blocked

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import org.assent.device.core.BlockedClient
import org.assent.device.core.DeviceCore
import org.assent.sample.Presenter

/** The clients that may not ask the user of one account. */
class BlockedPresenter(private val core: DeviceCore, private val account: String, scope: CoroutineScope) :
    Presenter<List<BlockedClient>>(emptyList(), scope) {
    /** Fetches the list. */
    fun open(): Job = attempt { fetch() }

    /** Lets a client ask again; the platform verifies the user. */
    fun unblock(client: BlockedClient): Job = attempt {
        core.unblockClient(account, client.client)
        fetch()
    }

    private suspend fun fetch() {
        val clients = core.blockedClients(account)
        show { clients }
    }
}
