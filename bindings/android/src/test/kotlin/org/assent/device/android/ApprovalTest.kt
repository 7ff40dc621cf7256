package org.assent.device.android

import android.os.CancellationSignal
import com.google.gson.JsonObject
import java.io.File
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import org.assent.device.INFO
import org.assent.device.android.phone.Agreement
import org.assent.device.android.phone.AndroidKeyStore
import org.assent.device.android.phone.Hardware
import org.assent.device.android.phone.User
import org.assent.device.android.phone.phonePorts
import org.assent.device.android.phone.prompter
import org.assent.device.codeOf
import org.assent.device.core.ApprovalRequest
import org.assent.device.core.DenyReason
import org.assent.device.core.DeviceCore
import org.assent.device.core.KeysToRotate
import org.assent.device.core.Outcome
import org.assent.device.core.PushTarget
import org.assent.device.core.RotationState
import org.assent.device.core.Settings
import org.assent.device.newFolder
import org.assent.device.scenarios.Asked
import org.assent.device.scenarios.Client
import org.assent.device.scenarios.Provider
import org.assent.device.scenarios.Refused
import org.assent.device.test
import org.assent.device.until
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

private val CLIENT: Client by lazy {
    val metadata = JsonObject()
    metadata.addProperty("client_name", "Bank of Android")
    metadata.addProperty("scope", "openid")
    Provider.running.newClient(metadata)
}

/** The key of what the core keeps. */
private const val STATE = "assent.state.assent-device"

/** The core on the ports of this library, against a running provider. */
class ApprovalTest {
    private val hardware = AndroidKeyStore.on(Hardware(level = 35))
    private val user = User(hardware)
    private val home = newFolder()
    private val provider = Provider.running
    private val subject = provider.newUser()
    private var core = start()
    private lateinit var account: String

    private fun start(): DeviceCore {
        val settings = Settings(listOf(provider.issuer), development = true)
        return DeviceCore(settings, phonePorts(hardware, home, prompter(user)))
    }

    private fun restart() {
        core.close()
        core = start()
    }

    private suspend fun join() {
        core.enrol(provider.ticket(subject), INFO, PushTarget.None).use { enrolment ->
            account = enrolment.account()
            provider.typeDigits(account, enrolment.digits()!!)
            enrolment.refresh()
        }
        user.read.clear()
    }

    private fun ask(): Asked = provider.ask(CLIENT, subject, mapOf("binding_message" to "Pay 20 EUR"))

    private suspend fun shown(): ApprovalRequest = core.pending(account, 5u).single().also { it.display() }

    private fun poll(asked: Asked): String = try {
        provider.poll(CLIENT, asked)
        "tokens"
    } catch (refused: Refused) {
        refused.error
    }

    private suspend fun approvesAfterRestart() {
        join()
        restart()
        val asked = ask()
        assertEquals(Outcome.APPROVED, core.approve(shown()))
        assertEquals("tokens", poll(asked))
        assertEquals(listOf("Approve for Bank of Android"), user.read.map { it.title })
    }

    @Test
    fun `an approval is signed after the dialogue, also by another process`() = test { approvesAfterRestart() }

    @Test
    fun `a phone that agrees on no secrets joins and approves`() = test {
        hardware.agreement = Agreement.NO_USE
        approvesAfterRestart()
        assertTrue(hardware.names.any { it.startsWith("assent.keys.") })
    }

    @Test
    fun `a denial asks nothing, also while the phone is locked`() = test {
        join()
        val asked = ask()
        hardware.isLocked = true
        assertEquals(Outcome.DENIED, core.deny(shown(), DenyReason.NOT_ME))
        assertEquals(0, user.read.size)
        assertEquals("access_denied", poll(asked))
    }

    @Test
    fun `who dismisses the dialogue has answered nothing and may approve later`() = test {
        join()
        val asked = ask()
        val request = shown()
        user.does = user::goesBack
        assertEquals("user_cancelled", codeOf { core.approve(request) })
        assertEquals("authorization_pending", poll(asked))
        user.does = user::touches
        assertEquals(Outcome.APPROVED, core.approve(request))
    }

    @Test
    fun `an approval that is cancelled takes its dialogue away and can be made again`() = test {
        join()
        ask()
        val request = shown()
        val dialogue = CompletableDeferred<CancellationSignal>()
        user.does = { _, cancellation, _ -> dialogue.complete(cancellation) }
        val approving = launch(Dispatchers.Default) { core.approve(request) }
        val cancellation = dialogue.await()
        approving.cancel()
        until { cancellation.isCanceled }
        approving.join()
        user.does = user::touches
        assertEquals(Outcome.APPROVED, core.approve(request))
    }

    @Test
    fun `a locked phone approves nothing until it is unlocked`() = test {
        join()
        ask()
        val request = shown()
        hardware.isLocked = true
        assertEquals("key_unavailable", codeOf { core.approve(request) })
        hardware.isLocked = false
        assertEquals(Outcome.APPROVED, core.approve(request))
    }

    @Test
    fun `new fingers end approvals and not denials, and a new key must be agreed to`() = test {
        join()
        hardware.addBiometric()
        val asked = ask()
        val request = shown()
        assertEquals("key_invalidated", codeOf { core.approve(request) })
        val verified = KeysToRotate(device = false, verified = true, sealing = false)
        assertEquals(RotationState.AWAITING, core.rotateKeys(account, verified))
        assertEquals(Outcome.DENIED, core.deny(request, DenyReason.CANCELLED))
        assertEquals("access_denied", poll(asked))
    }

    @Test
    fun `all keys are replaced where the key before agrees, and those before are destroyed`() = test {
        join()
        val before = hardware.names
        val all = KeysToRotate(device = true, verified = true, sealing = true)
        assertEquals(RotationState.DONE, core.rotateKeys(account, all))
        assertEquals(setOf(STATE), before intersect hardware.names)
        val asked = ask()
        assertEquals(Outcome.APPROVED, core.approve(shown()))
        assertEquals("tokens", poll(asked))
    }

    @Test
    fun `an account that is forgotten leaves no key behind`() = test {
        join()
        core.forget(account)
        assertEquals(setOf(STATE), hardware.names)
        assertEquals(emptyList<String>(), File(home, "verified").list()!!.toList())
    }

    @Test
    fun `state without its keys, as from another phone, is lost`() = test {
        join()
        for (name in hardware.names - STATE) hardware.lose(name)
        File(home, "verified").deleteRecursively()
        restart()
        assertEquals("keys_lost", codeOf { core.pending(account, 0u) })
    }

    @Test
    fun `state that cannot be decrypted is damaged, and nothing overwrites it until the user gives it up`() = test {
        join()
        val file = File(home, "state").listFiles()!!.single { it.name != "key.lock" }
        val damaged = file.readBytes().also { it[20] = (it[20] + 1).toByte() }
        file.writeBytes(damaged)
        restart()
        assertEquals("damaged_state", codeOf { core.accounts() })
        assertEquals("damaged_state", codeOf { core.enrol(provider.ticket(subject), INFO, PushTarget.None) })
        assertEquals(damaged.toList(), file.readBytes().toList())
        core.discardDamagedState()
        join()
    }
}
