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

/** The member of a push that has a request sealed in it. */
private const val SEALED = "jwe"

/** The least time for which something is told, also where the phone's clock is ahead of the server's. */
private const val LEAST_MILLIS = 30_000L

/**
 * A request that awaits the user, by what a list of them shows. The screen fetches the request itself.
 *
 * @property expiresAt until when it waits, in seconds since 1970 by the server's clock.
 */
data class Waiting(val account: String, val id: String, val client: String, val message: String?, val expiresAt: Long) {
    /** For how long it is told, where the phone's clock says [now], in milliseconds since 1970. */
    fun toldForMillis(now: Long): Long = maxOf(LEAST_MILLIS, expiresAt * 1_000 - now)
}

/**
 * Where the phone tells that something waits while its user looks elsewhere. What it tells outlives the process, so it may tell
 * of requests that this process never heard of.
 */
interface Board {
    /** Tells of these as well. Those that are told already stay as they are. */
    fun tell(waiting: List<Waiting>)

    /** Of what is told of these accounts, takes away all but [waiting]. What is told of other accounts stays. */
    fun keep(accounts: Collection<String>, waiting: List<Waiting>)

    /** Takes one away. */
    fun remove(id: String)
}

/**
 * What awaits the user, over all accounts.
 *
 * @param open what opens a push that has a request sealed in it.
 */
class Inbox(
    private val core: DeviceCore,
    private val board: Board,
    private val open: suspend (Map<String, String>) -> List<ApprovalRequest> = core::openPush,
) {
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
        board.keep(reached, found.value)
        board.tell(found.value)
    }

    /**
     * Takes a push by its data, as the platform delivered it. Only one with a request sealed in it says what it is about, and that
     * one waits beside all others; any other, also that a request is over, makes the phone ask.
     */
    suspend fun pushed(data: Map<String, String>) {
        if (SEALED !in data) return sync()
        val requests = listed(open(data))
        heard(emptyList(), requests)
        board.tell(requests)
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
                        board.keep(listOf(account.id), found.value)
                    }
            }
        }
    }

    /** Takes one off that was answered, or is over. */
    fun over(id: String) {
        found.update { before -> before.filterNot { it.id == id } }
        board.remove(id)
    }

    private fun heard(accounts: List<String>, requests: List<Waiting>) {
        val ids = requests.map { it.id }
        found.update { before -> before.filterNot { it.account in accounts || it.id in ids } + requests }
    }

    private fun listed(requests: List<ApprovalRequest>): List<Waiting> = requests.map { request ->
        request.use { Waiting(it.account(), it.id(), it.clientName(), it.bindingMessage(), it.expiresAt()) }
    }
}
