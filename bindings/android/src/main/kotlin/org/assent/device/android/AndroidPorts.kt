package org.assent.device.android

import android.content.Context
import android.os.Build
import java.io.File
import org.assent.device.HttpTransport
import org.assent.device.core.Clock
import org.assent.device.core.Ports
import org.assent.device.software.FileLock

/**
 * All that a core needs, on Android: keys in the phone's hardware, attested; encrypted state that no back-up takes; the
 * platform's own HTTP and clocks; and a lock, for apps with several processes.
 *
 * Make them once in each process. What an app does otherwise it puts in by `copy`, such as a transport with pinned keys.
 *
 * @param prompter asks the user; [BiometricPrompter] does so by the platform's own dialogue.
 */
public fun androidPorts(context: Context, prompter: UserPrompter, options: VaultOptions = VaultOptions()): Ports =
    androidPorts(home(context), Build.VERSION.SDK_INT, AndroidClock(), prompter, options)

internal fun androidPorts(home: File, level: Int, clock: Clock, prompter: UserPrompter, options: VaultOptions): Ports {
    val vault = AndroidKeyVault(home, level, prompter, options)
    return Ports(
        vault = vault,
        store = EncryptedStore(File(home, "state"), level, "assent.state"),
        transport = HttpTransport(),
        clock = clock,
        lock = FileLock(File(home, "lock")),
        attestor = AndroidAttestor(vault),
    )
}

/** Where everything of this library is. No back-up and no move to another phone takes it along. */
internal fun home(context: Context): File = File(context.noBackupFilesDir, "assent")
