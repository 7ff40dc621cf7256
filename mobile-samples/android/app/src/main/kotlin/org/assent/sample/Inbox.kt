package org.assent.sample

import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.catch
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import org.assent.device.core.ApprovalRequest
import org.assent.device.core.DeviceCore
import org.assent.device.core.DeviceException
import org.assent.device.core.EnrolmentState
import org.assent.device.core.PushTarget
import org.assent.device.requests

/** A request that awaits the user, by what a list of them shows. The screen fetches the request itself. */
data class Waiting(val account: String, val id: String, val client: String, val message: String?)

/** Where the phone tells that something waits while its user looks elsewhere. */
interface Board {
    /** Tells of these, and no more of any other. Those that are told already stay as they are. */
    fun tell(waiting: List<Waiting>)

    /** Takes away what is told of any but these, and tells of nothing new. */
    fun keep(waiting: List<Waiting>)
}

/** What awaits the user, over all accounts. */
class Inbox(private val core: DeviceCore, private val board: Board) {
    private val found = MutableStateFlow(emptyList<Waiting>())
    private val failed = MutableStateFlow(emptyMap<String, Problem>())

    /** What waits, as last heard. */
    val waiting: StateFlow<List<Waiting>> = found.asStateFlow()

    /** What hinders an account, by its id, as last heard. */
    val problems: StateFlow<Map<String, Problem>> = failed.asStateFlow()

    /** Catches up with the servers of all accounts: when the app comes to the front, and after a push that says nothing more. */
    suspend fun sync(push: PushTarget? = null) {
        val synced = core.sync(push)
        failed.value = synced.mapNotNull { each -> each.failure?.let { each.account to problemOf(it.code) } }.toMap()
        val reached = synced.filter { it.failure == null }.map { it.account }
        heard(reached, synced.flatMap { listed(it.requests) })
        board.tell(found.value)
    }

    /** Opens a push from its data, as the platform delivered it. */
    suspend fun pushed(data: Map<String, String>) {
        val requests = listed(core.openPush(data))
        found.update { before -> before.filterNot { old -> requests.any { it.id == old.id } } + requests }
        board.tell(found.value)
    }

    /** Asks the servers of all active accounts for as long as the app is in front: this needs no push. */
    suspend fun watch() = coroutineScope {
        for (account in core.accounts().filter { it.state == EnrolmentState.ACTIVE && it.revoked == null }) {
            launch {
                core.requests(account.id, { failure, _ -> failed.update { it + (account.id to failure.problem()) } })
                    .catch { failure ->
                        if (failure !is DeviceException) throw failure
                        failed.update { it + (account.id to failure.problem()) }
                    }
                    .collect { requests ->
                        failed.update { it - account.id }
                        heard(listOf(account.id), listed(requests))
                        board.keep(found.value)
                    }
            }
        }
    }

    /** Takes one off that was answered, or is over. */
    fun over(id: String) {
        found.update { before -> before.filterNot { it.id == id } }
        board.keep(found.value)
    }

    private fun heard(accounts: List<String>, requests: List<Waiting>) {
        val ids = requests.map { it.id }
        found.update { before -> before.filterNot { it.account in accounts || it.id in ids } + requests }
    }

    private fun listed(requests: List<ApprovalRequest>): List<Waiting> = requests.map { request ->
        request.use { Waiting(it.account(), it.id(), it.clientName(), it.bindingMessage()) }
    }
}
