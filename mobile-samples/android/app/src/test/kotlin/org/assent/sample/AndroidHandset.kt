package org.assent.sample

import org.assent.device.android.phone.AndroidKeyStore
import org.assent.device.android.phone.Hardware
import org.assent.device.android.phone.User
import org.assent.device.android.phone.phonePorts
import org.assent.device.android.phone.prompter
import org.assent.device.core.Ports
import org.assent.device.newFolder
import org.assent.device.scenarios.Handset
import org.assent.device.scenarios.Keys

/** What the library calls the core's keys in the key store; the keys of its stored documents are apart from them. */
private const val CORE_KEY = "assent.key."

/** A phone with the key store and the dialogue of the Android library's tests. The process is on the one that was made last. */
class AndroidHandset : Handset {
    private val folder = newFolder()
    private val hardware = AndroidKeyStore.on(Hardware())
    private val user = User(hardware)

    override fun ports(): Ports = phonePorts(hardware, folder, prompter(user))

    override fun user(consents: Boolean) {
        user.does = if (consents) user::touches else user::goesBack
    }

    override fun keys(state: Keys) {
        when (state) {
            Keys.WORK, Keys.UNAVAILABLE -> for (name in hardware.names) hardware.busy(name, state == Keys.UNAVAILABLE)
            Keys.INVALIDATED -> hardware.addBiometric()
            Keys.LOST -> hardware.names.filter { it.startsWith(CORE_KEY) }.forEach(hardware::lose)
        }
    }
}
